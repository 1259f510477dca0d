"""A setup of given networks, in the place of a configuration's, and the numbers of its optimizers."""

from gan_jax import losses
from gan_jax.data import Feature
from gan_jax.game import alternating
from gan_jax.games.latent import normal
from gan_jax.optimizers import optimizer
from gan_jax.setup import Latents, Loss

ADAM = {
    "name": "adam",
    "learning_rate": 1e-3,
    "b1": 0.5,
    "b2": 0.999,
    "eps": 1e-8,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "clip_weights": 0.0,
}
OPTIONS = {**ADAM, "clip": 0.0, "schedule": "constant", "final_scale": 0.0, "decay_rate": 0.95, "decay_steps": 10.0}
SGD = {**OPTIONS, "name": "sgd", "learning_rate": 0.01}
HYPER = {
    "steps": 20.0,
    **{f"optimizer.{p}.{k}": v for p in ("discriminator", "generator")
       for k, v in OPTIONS.items() if isinstance(v, float)},
}  # fmt: skip


class Given:
    """A setup of given networks, without penalties and noise."""

    def __init__(
        self, generator, discriminator, *, loss="non_saturating", schedule=None, shape=(2,), latent_dim=4, batch_size=8,
        options=OPTIONS, features=None,
    ):  # fmt: skip
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.made, self.options, self.rounds = losses.get(loss), options, schedule
        self.features = features or {"image": Feature(shape, (-1.0, 1.0) if len(shape) == 3 else None)}
        self.batch_size, self.latent_dim = batch_size, latent_dim

    def feature(self, name):
        return self.features[name]

    def network(self, role, of="image", shape=None, label=None, embedding=0):
        own = self.networks[role]
        return own.clone(shape=shape) if shape not in (None, self.features[of].shape) else own

    def optimizer(self, role):
        return optimizer(self.options, f"optimizer.{role}")

    def schedule(self, *players):
        return self.rounds or alternating(*(players or ("discriminator", "generator")))

    def loss(self):
        return Loss(lambda context: self.made, self.made)

    def terms(self, player):
        return ()

    def latents(self):
        return Latents(self.latent_dim, lambda keys, index, total: normal(keys, self.latent_dim, 1.0, index, total))

    def noise(self):
        return None
