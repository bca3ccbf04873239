#!/usr/bin/env bash
# Prints docs/accuracy.md: every table is what `attnsim validate` says now.
set -euo pipefail
attnsim="$1"
table() { echo '```'; "$attnsim" "$@"; echo '```'; echo; }
cat <<'TEXT'
# Accuracy

Written by `make accuracy`; do not edit. Four board-level constants of the H100 are fitted (they are marked in
`hardware/h100-sxm5.yaml`), on the counters below and every second shape of `validation/h100.csv`; no core-level number is.
`rank` is the rank agreement of prediction and measurement (Kendall). `pt` are points of a hundred. The same case measured twice differs by
about 2 %.

## Hardware counters of one H100: cycles, free of the clock

TEXT
table validate validation/counters_h100.csv
cat <<'TEXT'
## Times of one H100

`sustained_us`: back-to-back launches under the power limit. `kernel_us`: single launches after a cache flush, device time of
the kernels. `burst_us`: the same with launch, median.

TEXT
table validate validation/h100.csv
cat <<'TEXT'
## Serving kernels: rows of another project, not fitted on

Means over graph replays, warm, from aiconfigurator-core 0.12.0 (see validation/README.md).

TEXT
table validate validation/h100_serving.csv
table validate validation/a100.csv
