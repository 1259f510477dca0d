#!/usr/bin/env bash
# Trains and evaluates the runs of the table: three losses, two networks, three seeds. An hour and a half on two CPU cores
# with much other work beside it.
set -euo pipefail
folder=${1:-runs/table}
for seed in 0 1 2; do
  for loss in non_saturating least_squares minimax; do
    gan-jax train --config=experiments/mnist/config.py:small_dcgan --workdir="$folder/dcgan_${loss}_$seed" \
      --config.loss.name=$loss --config.seed=$seed
    gan-jax train --config=experiments/mnist/config.py --workdir="$folder/mlp_${loss}_$seed" \
      --config.loss.name=$loss --config.seed=$seed --config.steps=20000
  done
done
gan-jax evaluate --workdir="$(echo "$folder"/* | tr ' ' ,)" --metrics=frechet_lenet,kid_lenet,prdc_lenet
python experiments/mnist/table.py "$folder"/*
