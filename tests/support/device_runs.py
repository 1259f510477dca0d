"""Trains cases of ``CASES`` on all devices of this process, or on the first of them, and stores their parameters.

python device_runs.py FOLDER CASE:DEVICES [CASE:DEVICES ...]     FOLDER/images holds images of 16x16 pixels
"""

import sys
from pathlib import Path
from unittest import mock

import numpy as np

COMMON = ("steps=20", "log_every=10", "sample_every=0", "checkpoint_every=0", "sample_count=4", "health.samples=0")

# name -> (data, fields); the learning rate is 1e-3 where nothing else is said.
CASES = {
    "mlp": ("ring", ()),
    "mlp_shard_map": ("ring", ("parallel=shard_map",)),
    "mlp_least_squares_two_rounds": (
        "digits",
        (
            "generator.mlp.batch_norm=True", "discriminator.mlp.dropout=0.3", "loss.name=least_squares",
            "schedule.discriminator_steps=2", "ema.decay=0.9", "optimizer.generator.clip=0.5",
        ),
    ),
    "mlp_simultaneous_stratified": ("ring", ("schedule.simultaneous=True", "latent=stratified")),
    "dcgan": (
        "folder",
        (
            "generator.name=dcgan", "generator.dcgan.channels=4", "discriminator.name=dcgan",
            "discriminator.dcgan.channels=4",
        ),
    ),
    "dcgan_streamed": (
        "folder",
        (
            "generator.name=dcgan", "generator.dcgan.channels=4", "discriminator.name=dcgan",
            "discriminator.dcgan.channels=4", "data.folder.memory_limit_mb=0",
        ),
    ),
}  # fmt: skip


def config_of(case, folder):
    """The configuration of a case."""
    import gan_jax

    data, fields = CASES[case]
    overrides = [*COMMON, *fields]
    if data == "folder":
        overrides.append(f"data.name=folder:{folder / 'images'}")
    variant = "ring" if data == "ring" else "digits"
    return gan_jax.load_config(f"{Path(__file__).with_name('tiny.py')}:{variant}", overrides)


def train(case, folder, devices):
    """Train a case on the first devices of this process and store what it ends with."""
    import jax

    import gan_jax
    from gan_jax.training.checkpoints import leaves_of

    workdir, all_of_them = folder / f"{case}_{devices}", jax.devices
    with mock.patch.multiple(jax, devices=lambda: all_of_them()[:devices], device_count=lambda: devices):
        gan_jax.train(config_of(case, folder), workdir, progress=False)
    state = gan_jax.load_run(workdir).state
    np.savez(folder / f"{case}_{devices}.npz", **leaves_of({"params": state.params, "stats": state.stats}))


def main(folder, *pairs):
    """Train and store."""
    for pair in pairs:
        case, devices = pair.split(":")
        train(case, Path(folder), int(devices))
        print(pair, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
