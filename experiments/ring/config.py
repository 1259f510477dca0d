"""Eight Gaussians on a circle: the smallest problem on which a GAN drops modes. No data set is needed.

    gan-jax train --config=experiments/ring/config.py[:VARIANT] --workdir=runs/ring

    gan-jax sweep --config=experiments/ring/config.py:short --workdir=runs/ring_sweep

short        2,000 steps, for the sweep: six losses, ten seeds, 60 runs.
simultaneous both players move at once, as in the released code; unrolled lets the generator foresee five steps of the
discriminator, minimax loss; packed shows the discriminator two samples at a time.

Networks and learning rates of the released code behind LSGAN's mixture figure, with eight distinct modes.
10,000 steps take about two minutes on two CPU cores. Expect modes to appear, vanish and come back: which of them are
covered changes from checkpoint to checkpoint.

References:
  Mao et al., Least Squares Generative Adversarial Networks, 2016, arXiv:1611.04076, figure of the Gaussian mixture.
  Metz et al., Unrolled Generative Adversarial Networks, 2016, arXiv:1611.02163, section 3.1.
  Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2017, arXiv:1712.04086.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config
from gan_jax.errors import ConfigError
from gan_jax.sweeps import Sweep, grid

SHORT = {
    "steps": 2000,
    "sample_every": 0,
    "checkpoint_every": 1000,
    "evaluation.every": 500,
    "evaluation.metrics": ("modes",),
}


def get_config(variant: str = "alternating") -> ConfigDict:
    """The configuration of a variant."""
    variants = {
        "alternating": {},
        "simultaneous": {"schedule.simultaneous": True},
        "unrolled": {"rule.name": "unrolled", "rule.unrolled.steps": 5, "loss.name": "minimax"},
        "packed": {"game.gan.packing": 2},
        "short": SHORT,
    }
    if variant not in variants:
        raise ConfigError(f"there is no variant {variant!r}; allowed: {', '.join(variants)}")
    config = ring(default_config())
    for path, value in variants[variant].items():
        *sections, field = path.split(".")
        section = config
        for name in sections:
            section = section[name]
        section[field] = value
    return config


def ring(config: ConfigDict) -> ConfigDict:
    """Networks, optimizers and records, whatever the variant."""
    config.data.name = "ring"
    config.data.ring.std = 0.01
    config.steps = 10_000
    config.batch_size = 512
    config.latent_dim = 256
    for name in ("generator", "discriminator"):
        config[name].mlp.widths = (128, 128)
        config[name].mlp.activation = "tanh"
        config[name].mlp.initializer = "saxe_2014"
    config.generator.mlp.output = "linear"
    config.optimizer.discriminator.learning_rate = 1e-4
    config.optimizer.generator.learning_rate = 1e-3
    config.log_every = 500
    config.sample_every = 2500
    config.checkpoint_every = 2500
    config.sample_count = 1000
    return config


def get_sweep() -> Sweep:
    """Six losses, ten seeds."""
    losses = ["non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "relativistic"]
    return Sweep(
        grid({"loss.name": losses}),
        seeds=10,
        question="Which loss covers most of eight Gaussians after 2,000 steps?",
        metric="modes_held",
    )
