"""GANs on MNIST (28 x 28 grey digits, 60,000 training images).

gan-jax train --config=experiments/mnist/config.py[:mlp|dcgan|maxout] --workdir=runs/mnist
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config


def get_config(variant: str = "mlp") -> ConfigDict:
    """The experiment's configuration; variant is mlp, dcgan or maxout."""
    config = default_config()
    return {"mlp": _mlp}[variant](config)


def _mlp(config: ConfigDict) -> ConfigDict:
    config.batch_size = 100
    return config
