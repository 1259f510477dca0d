"""Trains each case of ``CASES`` on all devices of this process and stores its parameters.

python device_runs.py FOLDER CASE [CASE ...]     FOLDER/images holds images of 16x16 pixels
"""

import sys
from pathlib import Path

import numpy as np

COMMON = ("steps=20", "log_every=10", "sample_every=0", "checkpoint_every=0", "sample_count=4")

# Adam divides by the size of a gradient and so makes full steps of rounding where a gradient nearly vanishes; the
# networks with the most sharp bends do without it. A bend that rounding crosses still changes a step for good.
SGD = tuple(
    f"optimizer.{player}.{field}"
    for player in ("generator", "discriminator")
    for field in ("name=sgd", "learning_rate=0.01")
)

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
    "maxout": (
        "digits",
        (
            "generator.name=maxout", "generator.maxout.widths=(16,16)", "generator.maxout.irange=0.3",
            "discriminator.name=maxout", "discriminator.maxout.widths=(8,8)", "discriminator.maxout.irange=0.3",
            *SGD, "optimizer.generator.momentum=0.5", "optimizer.discriminator.momentum=0.5",
        ),
    ),
    "dcgan": (
        "folder",
        (
            "generator.name=dcgan", "generator.dcgan.channels=4", "discriminator.name=dcgan",
            "discriminator.dcgan.channels=4",
        ),
    ),
    "keras_dcgan": (
        "folder",
        (
            "generator.name=keras_dcgan", "generator.keras_dcgan.depth=16", "discriminator.name=keras_dcgan",
            "discriminator.keras_dcgan.depth=4", *SGD,
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


def main(folder, *cases):
    """Train and store."""
    import jax

    import gan_jax
    from gan_jax.training.checkpoints import leaves_of

    folder, count = Path(folder), jax.device_count()
    for case in cases:
        workdir = folder / f"{case}_{count}"
        gan_jax.train(config_of(case, folder), workdir, progress=False)
        state = gan_jax.load_run(workdir).state
        np.savez(folder / f"{case}_{count}.npz", **leaves_of({"params": state.params, "stats": state.stats}))
        print(f"{case}: {count} devices", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
