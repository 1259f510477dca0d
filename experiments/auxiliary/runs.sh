#!/usr/bin/env bash
# Trains and evaluates the runs of README.md; each goes on where it was ended.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-runs/auxiliary}
for seed in 0 1 2; do
  for variant in mnist fashion real_only_mnist real_only_fashion; do
    gan-jax train --config=experiments/auxiliary/config.py:$variant --workdir="$folder/$variant/$seed" --config.seed=$seed
    gan-jax evaluate --workdir="$folder/$variant/$seed" --num=10000 \
      --metrics=accuracy_lenet,frechet_lenet,intra_frechet_lenet,class_coverage_lenet,class_ms_ssim
  done
done
