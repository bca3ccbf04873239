#!/bin/sh
# Writes docs/gna.md: the end-to-end tables of the paper on generalized neighborhood attention, computed again.
#   docs/gna.sh .build/release/attnsim > docs/gna.md
set -eu
attnsim=$1
table=validation/published_gna.csv

number() { tr -d ' ",' | sed -n "s/^$1:\([0-9.e+-]*\)$/\1/p" | head -n 1; }

# Seconds of one call on an H100.
seconds() { "$attnsim" run --device h100-sxm5 --batch 1 --head-dim 128 --dtype fp16 --format json "$@" | number time_s; }

cat <<'EOF'
# Generalized neighborhood attention, end to end

Tables 2 to 5 of arXiv 2504.16922, beside what `attnsim mask --share ... --sparse-share ...` computes: a workload's
speed-up by Amdahl's law, from attention's share of its time (table 1), the share of diffusion steps that are sparse, and
the speed-up of the operation. That is all pairs over attended pairs (FLOP), or key tiles over those that the worst query
tile visits (tiles). Tiles are those the authors state (FLUX, HunyuanVideo 18x24x24) or that fit their numbers best
(marked ~). "B200" is what the authors measured; "H100" what attnsim predicts for `gna-hopper`, token permutation
included, against FlashAttention-3. Written by `docs/gna.sh`.

| model | window | stride | dense steps | FLOP, printed | FLOP | tiles, printed | tiles | B200, measured | H100, predicted |
|---|---|---|---|---|---|---|---|---|---|
EOF

awk -F, '$3 == "GNA E2E" || $3 == "blackwell-fna E2E" {
  note = $0; sub(/^.*speedup,[^,]*,x,/, "", note); gsub(/"/, "", note)
  split(note, part, "; "); kind = note ~ /FLOP-wise/ ? "flop" : note ~ /NATTENSim/ ? "tiles" : "measured"
  steps = part[3]; gsub(/[^0-9 ]/, "", steps); split(steps, n, " ")
  kept = ""; total = ""; for (i = 1; i in n; i++) if (n[i] != "" && n[i] != 2) { if (kept == "") kept = n[i]; else if (total == "") total = n[i] }
  key = part[2] "|" $13 "|" kept "|" total
  if (!(key in seen)) { seen[key] = 1; order[++count] = key }
  value[key, kind] = $15
}
END { for (i = 1; i <= count; i++) { k = order[i]; print k "|" value[k, "flop"] "|" value[k, "tiles"] "|" value[k, "measured"] } }' $table |
while IFS='|' read -r model mask kept total flop tiles measured; do
  grid=$(echo "$mask" | sed 's/.*L=\([0-9x]*\).*/\1/'); window=$(echo "$mask" | sed 's/.*w=\([0-9x]*\).*/\1/')
  stride=$(echo "$mask" | sed 's/.*s=\([0-9x]*\).*/\1/')
  [ -n "$kept" ] && [ -n "$total" ] || continue
  guess='' hopper=''
  case "$model $window" in
    FLUX*) share=0.518 q=16x16 kv=16x8 seq=65536 ;;
    Hunyuan*18x24x24) share=0.607 q=4x8x8 kv=2x8x8 seq=115200 hopper='--param tile-q=2x8x8' ;;
    Hunyuan*) share=0.607 q=2x16x8 kv=2x8x8 seq=115200 guess='~' ;;
    *) share=0.587 q=8x4x8 kv=4x4x8 seq=56320 guess='~' ;;
  esac
  counted=$("$attnsim" mask "gna:$grid:w$window:s$stride" --tile-q $q --tile-kv $kv --share $share \
    --sparse-share "$((total - kept))/$total" --json)
  dense=$(seconds --schedule fa3 --heads 24 --seq $seq)
  # shellcheck disable=SC2086
  sparse=$(seconds --schedule gna-hopper $hopper --heads 24 --seq $seq --mask "gna:$grid:w$window:s$stride")
  echo "$model|$window|$stride|$kept of $total|$flop|$(echo "$counted" | number end_to_end_flop)|$tiles|$(echo "$counted" |
    number end_to_end_max)|$guess|$measured|$(awk -v d="$dense" -v s="$sparse" -v f=$share -v r="$total" -v k="$kept" \
      'BEGIN { p = f * (r - k) / r; printf "%.2f", 1 / (1 - p + p * s / d) }')"
done | awk -F'|' '{ printf "| %s | %s | %s | %s | %s | %.3f | %s | %.3f%s | %s | %s |\n", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 }'
