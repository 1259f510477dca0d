"""What is timed: configurations, the same in PyTorch (`torch_peer.py`), and how much arithmetic a step is."""

from collections.abc import Sequence
from typing import Any, NamedTuple

# (multiply-adds of the layer for one example) of the networks, first layer first
DENSE = ((64, 256), (256, 256), (256, 784)), ((784, 256), (256, 256), (256, 1))
RING = ((256, 128), (128, 128), (128, 2)), ((2, 128), (128, 128), (128, 1))
MAXOUT = ((100, 1200), (1200, 1200), (1200, 784)), ((784, 1200), (240, 1200), (240, 1))
DCGAN = (
    ((100, 4096), (16 * 256, 128 * 16), (16 * 128, 64 * 64), (16 * 64, 256)),
    ((16, 64 * 256), (16 * 64, 128 * 64), (16 * 128, 256 * 16), (4096, 1)),
)


class Case(NamedTuple):
    """A training step.

    Attributes:
      title: in tables.
      fields: of the configuration.
      steps: of one measurement.
      layers: (inputs, outputs) of each matrix product that one example takes through generator and discriminator.
      penalty: whether a gradient penalty adds its second-order passes.
    """

    title: str
    fields: dict[str, Any]
    steps: int
    layers: tuple[Sequence[tuple[int, int]], Sequence[tuple[int, int]]]
    penalty: bool = False

    def flops(self) -> float:
        """Floating-point operations of a step's products: three passes where weights learn, two where only inputs do.

        The first layer has no gradient to hand down. A gradient penalty is counted as seven passes through the
        discriminator: forward, the gradient, and the derivative of both. Convolutions count as direct sums, whatever
        form computes them.
        """
        generator, discriminator = (sum(a * b for a, b in layers) for layers in self.layers)
        first = [layers[0][0] * layers[0][1] for layers in self.layers]
        move_d = generator + 2 * (3 * discriminator - first[1])
        move_g = 3 * generator - first[0] + 2 * discriminator
        return 2.0 * self.fields["batch_size"] * (move_d + move_g + (7 * discriminator if self.penalty else 0))


def _adam(rates: tuple[float, float], b1: float, b2: float = 0.999) -> dict[str, Any]:
    return {
        f"optimizer.{player}.{field}": value
        for player, rate in zip(("generator", "discriminator"), rates, strict=True)
        for field, value in (("learning_rate", rate), ("b1", b1), ("b2", b2))
    }


CONVOLUTIONAL = {
    "data.name": "mnist", "data.mnist.resolution": 32, "batch_size": 128, "latent_dim": 100,
    "generator.name": "dcgan", "discriminator.name": "dcgan",
}  # fmt: skip
CASES = {
    "mlp": Case(
        "MLP of yunjey's tutorial, batch 100",
        {"data.name": "mnist", "batch_size": 100, **_adam((2e-4, 2e-4), 0.5)},
        200,
        DENSE,
    ),
    "ring": Case(
        "ring MLP 2x128 tanh, batch 512, z 256",
        {
            "data.name": "ring", "batch_size": 512, "latent_dim": 256, "generator.mlp.output": "linear",
            **{f"{network}.mlp.widths": (128, 128) for network in ("generator", "discriminator")},
            **{f"{network}.mlp.activation": "tanh" for network in ("generator", "discriminator")},
            **_adam((1e-3, 1e-4), 0.5),
        },
        200,
        RING,
    ),
    "maxout": Case(
        "maxout networks of 2014, batch 100",
        {
            "data.name": "mnist", "batch_size": 100, "latent_dim": 100, "latent": "uniform", "latent_scale": 3**0.5,
            "generator.name": "maxout", "discriminator.name": "maxout", "schedule.simultaneous": True,
            **{f"optimizer.{player}.name": "sgd" for player in ("generator", "discriminator")},
            **{f"optimizer.{player}.momentum": 0.5 for player in ("generator", "discriminator")},
            "optimizer.generator.learning_rate": 0.1, "optimizer.discriminator.learning_rate": 0.05,
        },
        40,
        MAXOUT,
    ),
    "dcgan": Case("DCGAN 32x32x1, batch 128", {**CONVOLUTIONAL, **_adam((2e-4, 2e-4), 0.5)}, 4, DCGAN),
    "dcgan_gp": Case(
        "the same with WGAN-GP",
        {
            **CONVOLUTIONAL, "discriminator.dcgan.batch_norm": False, "loss.name": "wasserstein",
            "penalties.wgan_gp.weight": 10.0, **_adam((1e-4, 1e-4), 0.0, 0.9),
        },
        4,
        DCGAN,
        penalty=True,
    ),
}  # fmt: skip
