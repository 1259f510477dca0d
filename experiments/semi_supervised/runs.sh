#!/usr/bin/env bash
# Trains and evaluates the runs of README.md; each goes on where it was ended. The last one takes hours.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-runs/semi_supervised}
for variant in salimans supervised odena odena_cnn; do
  for seed in 0 1 2; do
    gan-jax train --config=experiments/semi_supervised/config.py:$variant --workdir="$folder/$variant/$seed" --config.seed=$seed
    gan-jax evaluate --workdir="$folder/$variant/$seed" --metrics=score:accuracy
  done
done
gan-jax train --config=experiments/semi_supervised/config.py:salimans_300 --workdir="$folder/salimans_300/0"
gan-jax evaluate --workdir="$folder/salimans_300/0" --metrics=score:accuracy
