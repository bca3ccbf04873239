#!/usr/bin/env bash
# Prints docs/accuracy.md: every table is what `attnsim validate` says now.
set -euo pipefail
attnsim="$1"
folder="$(cd "$(dirname "$0")" && pwd)"
table() { echo '```'; "$attnsim" "$@"; echo '```'; echo; }
cat <<'TEXT'
# Accuracy

Written by `make accuracy`; do not edit. Three board-level constants of the H100 are fitted (they are marked in
`hardware/h100-sxm5.yaml`), on the counters below and every second shape of `validation/h100.csv`; no core-level number is. Four of those are read from compiled kernels, as slopes between two lengths or from
their stall samples (`vector.interleavedInterval`, `tensor.issueShare`, `vector.otherInterval`, `asyncTensor.registerOperandLead`); the others are
micro-benchmarks.
`rank` is the rank agreement of prediction and measurement (Kendall). `pt` are points of a hundred. The same case measured twice differs by
about 2 %.

## Hardware counters of one H100: cycles, free of the clock

TEXT
table validate validation/counters_h100.csv
cat <<'TEXT'
## Times of one H100

`sustained_us`: back-to-back launches under the power limit. `kernel_us`: single launches after a cache flush, device time of
the kernels. `burst_us`: the same with launch, median.

`sm_clock_mhz` is what the driver reports, the median of samples: the clock that was asked for. The measured time times this
clock is up to 14 % more cycles than the hardware counters count for the same call. The clock that is predicted is the effective
one; the next section compares it. `power_w` averages over a second while these runs last 0.35 s, so rows after a pause (the
first of a configuration, kernels that are compiled for each shape) are listed and not compared.

TEXT
table validate validation/h100.csv
for metric in sustained kernel; do
  "$attnsim" validate validation/h100.csv --metric "${metric}_us" -o "$folder/accuracy-$metric.svg" --json >/dev/null 2>&1
  echo "![${metric}_us, predicted over measured](accuracy-$metric.svg)"
  echo
done

cat <<'TEXT'
## Clock and board power, settled

Each call repeated for 2.2 s: `effective_clock_mhz` is counted by the chip (cycles over time), `power_w` is read when the sensor has
settled. Nothing was fitted on these rows, on neither chip.

TEXT
table validate validation/board_h100.csv
table validate validation/board_h200.csv

cat <<'TEXT'
## The fitted constants

Fitted again from where they are: standard errors and correlations come from the residuals. What micro-benchmarks say of each stands in the
note beside it in `hardware/h100-sxm5.yaml`.

TEXT
table calibrate validation/counters_h100.csv validation/h100.csv --device hardware/h100-sxm5.yaml

cat <<'TEXT'
## Times of the same H100, cross-validated

Four groups of shapes, each predicted with constants fitted on the other three; the table begins with the constants of each fit.

TEXT
table validate validation/h100.csv --folds 4

cat <<'TEXT'
## An H200, from a device file that saw no attention on it

`hardware/h200-sxm.yaml` is the H100 with the H200's memory and its energies from micro-benchmarks.

TEXT
table validate validation/h200.csv

cat <<'TEXT'
## Numbers that papers print for other H100s

TEXT
table validate validation/published_nvidia.csv
cat <<'TEXT'
## Serving kernels: rows of another project, not fitted on

Means over graph replays, warm, from aiconfigurator-core 0.12.0 (see validation/README.md).

TEXT
table validate validation/h100_serving.csv
table validate validation/a100.csv
