#!/usr/bin/env bash
# Trains and evaluates the runs of README.md; each goes on where it was ended.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-runs/info}
for seed in 0 1 2 3 4; do
  for variant in info plain; do
    gan-jax train --config=experiments/info/config.py:$variant --workdir="$folder/$variant/$seed" --config.seed=$seed
    gan-jax evaluate --workdir="$folder/$variant/$seed" --num=10000 --metrics=clustering_lenet,code_correlation
  done
done
