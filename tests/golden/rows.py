"""What stands in the golden table: every shipped configuration, and every component once on a small problem."""

import itertools
from typing import Any, NamedTuple

MNIST, RING, TUTORIALS, CONDITIONAL, CYCLE, AUXILIARY, SEMI_SUPERVISED, INFO = (
    f"experiments/{name}/config.py"
    for name in ("mnist", "ring", "tutorials", "conditional", "cycle", "auxiliary", "semi_supervised", "info")
)
STEPS = 20


class Row(NamedTuple):
    """One run.

    Attributes:
      fields: configuration fields, over the defaults or over ``file``.
      file: FILE.py:VARIANT, or "".
      steps: how many are taken. ``steps`` of the configuration, on which schedules depend, stays what it is.
      devices: virtual devices that share the minibatch.
      how: "program" calls the compiled program alone; "train" and "sweep" go by the public functions, to a work
        directory and back.
      note: what is smaller than the configuration says, and why.
      tolerance: of a leaf's norm, where bits cannot be compared and rounding grows faster than usual; 0: the usual one.
    """

    fields: dict[str, Any]
    file: str = ""
    steps: int = STEPS
    devices: int = 1
    how: str = "program"
    note: str = ""
    tolerance: float = 0.0

    @property
    def differences_of_logits(self) -> bool:
        """Whether the loss does not depend on a constant that is added to all logits."""
        name = self.fields.get(
            "loss.name", {"r3gan": "relativistic", "wgan_gp": "wasserstein"}.get(self.file.split(":")[-1])
        )
        return name is not None and name.startswith(("wasserstein", "relativistic"))


# Small dense networks on points. Widths differ, so that no two kernels have one shape.
POINTS = {
    "data.name": "ring",
    "steps": 100,
    "batch_size": 32,
    "latent_dim": 4,
    "generator.mlp.widths": (16, 12),
    "generator.mlp.output": "linear",
    "discriminator.mlp.widths": (16, 8),
    "optimizer.generator.learning_rate": 1e-3,
    "optimizer.discriminator.learning_rate": 1e-3,
}
IMAGES = {**POINTS, "data.name": "digits", "generator.mlp.output": "tanh"}
# 28 x 28 pixels, the smallest that the convolutional networks take of what is shipped.
CONVOLUTIONS = {
    "steps": 100,
    "batch_size": 4,
    "latent_dim": 4,
    "generator.name": "dcgan",
    "discriminator.name": "dcgan",
    "generator.dcgan.channels": 4,
    "discriminator.dcgan.channels": 4,
}
PLAYERS = ("discriminator", "generator")

# Losses take turns in the rows of rules and penalties, of which there are as many or more.
LOSSES = [{"loss.name": name} for name in (
    "non_saturating", "minimax", "maximum_likelihood", "least_squares", "hinge", "wasserstein", "relativistic",
    "relativistic_pairing", "relativistic_average", "relativistic_average_least_squares",
)] + [{"loss.name": "f_gan", "loss.f_gan.divergence": name} for name in (
    "kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon", "gan",
)] + [
    {"loss.name": "minimax", "loss.minimax.real_target": 0.9, "loss.minimax.fake_target": 0.05},
    {"loss.name": "non_saturating", "loss.non_saturating.real_target": 0.9},
    {"loss.name": "least_squares", "loss.least_squares.a": -1.0, "loss.least_squares.c": 0.0},
]  # fmt: skip


def optimizer(**options: Any) -> dict[str, Any]:
    """Fields of both players' optimizers."""
    return {f"optimizer.{player}.{name}": value for player in PLAYERS for name, value in options.items()}


SGD = optimizer(name="sgd", learning_rate=0.01)
RULES = {
    "gradient": {},
    "optimistic": {"rule.optimistic.strength": 0.8},
    "extragradient": {},
    "consensus": {"rule.consensus.weight": 0.1},
    "symplectic": {"rule.symplectic.weight": 0.5},
    "unrolled": {"rule.unrolled.steps": 2},
    "heun": SGD,
    "rk4": {**SGD, "rule.rk4.regularization": 0.01},
}
PENALTIES = {
    "wgan_gp": POINTS,
    "lipschitz": POINTS,
    "dragan": POINTS,
    "r1": POINTS,
    "r2": POINTS,
    "lecam": POINTS,
    "bcr": IMAGES,
    "zcr": POINTS,
    "orthogonal": POINTS,
    "historical_averaging": POINTS,
    "feature_matching": POINTS,
}
OF_BOTH = ("zcr", "orthogonal", "historical_averaging")  # penalties that the generator has too, under another name
SWITCHES = {
    "ema": {"ema.decay": 0.9},
    "instance_noise": {"instance_noise.std": 0.1, "instance_noise.end": 0.5},
    "packing": {"game.gan.packing": 2},
    "simultaneous": {"schedule.simultaneous": True},
    "discriminator_steps": {"schedule.discriminator_steps": 3},
    "dropout": {"discriminator.mlp.dropout": 0.5},
    # Averaged parameters with batch norm are sampled with statistics that are estimated anew.
    "batch_norm_ema": {"generator.mlp.batch_norm": True, "ema.decay": 0.9},
    "sample_statistics_batch": {"generator.mlp.batch_norm": True, "sample_statistics": "batch"},
    "virtual_batch_norm": {"generator.mlp.batch_norm": True, "generator.mlp.reference": 8},
    "spectral_norm": {"discriminator.mlp.spectral_norm": True},
    "minibatch_discrimination": {"discriminator.mlp.minibatch_features": 3, "discriminator.mlp.minibatch_dims": 2},
    "bfloat16": {"precision": "bfloat16"},
    "another_seed": {"seed": 1},
    "grid": {"data.name": "grid", "latent": "uniform", "generator.mlp.activation": "elu"},
    "spiral": {"data.name": "spiral", "latent_scale": 2.0, "generator.mlp.activation": "sigmoid"},
    "two_moons": {"data.name": "two_moons", "generator.mlp.initializer": "goodfellow_2014"},
    "sgd": optimizer(name="sgd", momentum=0.9, schedule="linear", final_scale=0.1),
    "rmsprop": {**optimizer(name="rmsprop", schedule="cosine"), "generator.mlp.initializer": "he_2015"},
    "adam": optimizer(weight_decay=0.01, clip=0.5, schedule="staircase", decay_steps=7.0),
    "several": {
        "ema.decay": 0.9,
        "discriminator.mlp.dropout": 0.3,
        "instance_noise.std": 0.1,
        "penalties.lecam.weight": 0.1,
    },
    "clip_weights": {"optimizer.discriminator.clip_weights": 0.05},
}
# Three steps of small networks: unless they are optimized, convolutions take long all the same.
CONVOLUTIONAL = {
    "kernel_5": {
        "generator.dcgan.kernel_size": 5, "generator.dcgan.reference": 4,
        "discriminator.dcgan.kernel_size": 5, "discriminator.dcgan.dropout": 0.3,
    },
    "padded": {
        "data.mnist.resolution": 32, "discriminator.dcgan.batch_norm": False, "discriminator.dcgan.spectral_norm": True,
    },
    "keras_dcgan": {
        "generator.name": "keras_dcgan", "generator.keras_dcgan.depth": 8,
        "discriminator.name": "keras_dcgan", "discriminator.keras_dcgan.depth": 4,
        "discriminator.keras_dcgan.spectral_norm": True, **SGD,
    },
}  # fmt: skip
# What is recorded and kept of a whole run of as many steps.
WHOLE = {"steps": STEPS, "log_every": 5, "sample_every": 10, "checkpoint_every": 10, "sample_count": 9}

# Steps of Adam and RMSprop have the size of the learning rate however small the gradient is, so its rounding grows:
# most in convolutions, and in biases, on which penalties of slopes hardly depend. Measured between two levels of
# optimization. Batch norm of two examples makes nearly all gradients rounding; so there are more.
LOOSE = 3e-2
# The discriminator of keras_dcgan maps black pixels to 0 or, where a compiler fuses that with their decoding, to -3e-8:
# before biases have moved, the slope of a leaky ReLU over all of the background depends on it.
AT_THE_KINK = 0.5
SLOPES = ("wgan_gp", "lipschitz")
EXPENSIVE = "few steps, and a small batch: a step of this size takes seconds"
SHIPPED = {
    "mnist/mlp": Row({}, f"{MNIST}:mlp"),
    "mnist/short": Row({}, f"{MNIST}:short"),
    "mnist/dcgan": Row({"batch_size": 8}, f"{MNIST}:dcgan", 3, note=EXPENSIVE, tolerance=LOOSE),
    "mnist/small_dcgan": Row({"batch_size": 8}, f"{MNIST}:small_dcgan", 3, note=EXPENSIVE, tolerance=LOOSE),
    "mnist/maxout": Row({}, f"{MNIST}:maxout"),
    "mnist/hinge": Row({}, f"{MNIST}:hinge"),
    "mnist/wgan_gp": Row({}, f"{MNIST}:wgan_gp"),
    "mnist/r3gan": Row({}, f"{MNIST}:r3gan", tolerance=3e-3),
    "conditional/dense": Row({}, f"{CONDITIONAL}:dense"),
    "conditional/mirza": Row({"batch_size": 20}, f"{CONDITIONAL}:mirza", 5),
    **{f"auxiliary/{name}": Row({"batch_size": 8}, f"{AUXILIARY}:{name}", 3, note=EXPENSIVE, tolerance=LOOSE)
       for name in ("mnist", "real_only_mnist")},
    **{f"info/{name}": Row({"batch_size": 8}, f"{INFO}:{name}", 3, note=EXPENSIVE, tolerance=LOOSE)
       for name in ("info", "plain")},
    **{f"conditional/{name}": Row({"batch_size": 8}, f"{CONDITIONAL}:{name}", 3, note=EXPENSIVE, tolerance=LOOSE)
       for name in ("mnist", "projection_mnist")},
    **{f"semi_supervised/{name}": Row({"batch_size": 20}, f"{SEMI_SUPERVISED}:{name}", 5)
       for name in ("salimans", "supervised")},
    **{f"semi_supervised/{name}": Row(
        {"batch_size": 8}, f"{SEMI_SUPERVISED}:{name}", 3, note=EXPENSIVE, tolerance=LOOSE)
       for name in ("odena", "odena_cnn")},
    "cycle/mnist_fashion": Row(
        {"data.name": "a=mnist,b=mnist", "batch_size": 2}, f"{CYCLE}:mnist_fashion", 3, note=EXPENSIVE, tolerance=1e-4
    ),
    **{f"ring/{name}": Row({}, f"{RING}:{name}")
       for name in ("alternating", "simultaneous", "unrolled", "packed", "short")},
    **{f"tutorials/{name}": Row({}, f"{TUTORIALS}:{name}")
       for name in ("yunjey", "udacity", "wiseodd", "jang", "aylien", "aylien_minibatch")},
    "tutorials/keras_dcgan": Row(
        {"batch_size": 3}, f"{TUTORIALS}:keras_dcgan", 2, note=EXPENSIVE, tolerance=AT_THE_KINK
    ),
}  # fmt: skip


def components() -> dict[str, Row]:
    """Rows of rules and penalties, in which the losses take turns."""
    turns = itertools.cycle(LOSSES)
    rules = {f"rule/{name}": {**POINTS, **next(turns), "rule.name": name, **own} for name, own in RULES.items()}
    penalties = {}
    for name, base in PENALTIES.items():
        both = {f"penalties.{name}_generator.weight": 0.05} if name in OF_BOTH else {}
        penalties[f"penalty/{name}"] = {**base, **next(turns), f"penalties.{name}.weight": 0.1, **both}
    loose = {f"penalty/{name}" for name in SLOPES}
    return {
        name: Row(fields, tolerance=LOOSE if name in loose else 0.0) for name, fields in (rules | penalties).items()
    }


ROWS: dict[str, Row] = {
    **SHIPPED,
    **components(),
    **{f"with/{name}": Row(POINTS | fields) for name, fields in SWITCHES.items()},
    **{
        f"convolutions/{name}": Row(CONVOLUTIONS | fields, steps=3, tolerance=AT_THE_KINK if "keras" in name else LOOSE)
        for name, fields in CONVOLUTIONAL.items()
    },
    # A folder of images is made for it.
    "with/streamed_folder": Row({**IMAGES, "data.name": "folder", "data.folder.memory_limit_mb": 0}),
    "devices/batch_norm": Row(
        {**POINTS, "generator.mlp.batch_norm": True, "ema.decay": 0.9, "discriminator.mlp.dropout": 0.3}, devices=2
    ),
    "devices/shard_map": Row({**POINTS, "penalties.lecam.weight": 0.1, "parallel": "shard_map"}, devices=2),
    "train/points": Row({**POINTS, **WHOLE, "ema.decay": 0.9}, how="train"),
    "train/images": Row({**IMAGES, **WHOLE, "generator.mlp.batch_norm": True, "ema.decay": 0.9}, how="train"),
    "sweep/points": Row({**POINTS, **WHOLE, "ema.decay": 0.9}, how="sweep"),
}
# What every `make test` checks: a shipped variant with SGD, a staircase and stratified latents, and Adam with averages.
QUICK = ("tutorials/jang", "with/ema")
