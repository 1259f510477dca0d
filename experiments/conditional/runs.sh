#!/usr/bin/env bash
# Trains and evaluates the runs of README.md; each goes on where it was ended.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-runs/conditional}
for seed in 0 1 2; do
  for variant in mnist projection_mnist fashion projection_fashion; do
    gan-jax train --config=experiments/conditional/config.py:$variant --workdir="$folder/$variant/$seed" --config.seed=$seed
    gan-jax evaluate --workdir="$folder/$variant/$seed" --num=10000 \
      --metrics=accuracy_lenet,frechet_lenet,intra_frechet_lenet,class_coverage_lenet,class_ms_ssim
  done
done
for seed in 0 1 2; do
  gan-jax train --config=experiments/conditional/config.py:mirza --workdir="$folder/mirza/$seed" --config.seed=$seed
  gan-jax evaluate --workdir="$folder/mirza/$seed" --num=10000 --metrics=accuracy_lenet,frechet_lenet,parzen
done
