"""A pairwise covering of what can be combined: in some row, every two classes of choices that have a meaning meet.

A class holds the choices whose programs have the same structure; they take turns in the rows of their class. What one
of them does by itself has its own battery (`gan-jax verify`, closed forms, tests/rules).
"""

import functools
import itertools
import random

FIRST = 6  # rows that `make test` trains; `make test-slow` trains the others

PENALTY = {
    name: {f"penalties.{name}.weight": 0.1}
    for name in ("wgan_gp", "lipschitz", "dragan", "r1", "r2", "lecam", "bcr", "feature_matching")
} | {
    base: {f"penalties.{base}.weight": 0.1, f"penalties.{base}_generator.weight": 0.01}
    for base in ("zcr", "orthogonal", "historical_averaging")
}  # fmt: skip
SGD = {f"optimizer.{player}.name": "sgd" for player in ("generator", "discriminator")}  # what an ODE solver needs

# factor -> {class: its choices, each of them configuration fields}
FACTORS = {
    "loss": {
        "pointwise": [{"loss.name": name} for name in (
            "minimax", "non_saturating", "maximum_likelihood", "least_squares", "hinge", "wasserstein",
        )] + [{"loss.name": "non_saturating", "loss.non_saturating.real_target": 0.9}],
        "pairs": [{"loss.name": name} for name in ("relativistic", "relativistic_pairing")],
        "batchwise": [{"loss.name": f"relativistic_average{kind}"} for kind in ("", "_least_squares")],
        "f-divergence": [{"loss.name": "f_gan", "loss.f_gan.divergence": name} for name in (
            "kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon", "gan",
        )],
    },
    "gradient penalty": {
        "none": [{}],
        "at examples": [PENALTY["r1"], PENALTY["r2"], PENALTY["r1"] | PENALTY["r2"]],
        "beside examples": [PENALTY["wgan_gp"], PENALTY["lipschitz"], PENALTY["dragan"]],
    },
    "penalty": {
        "none": [{}],
        "remembers": [PENALTY["lecam"], PENALTY["historical_averaging"]],
        "judges again": [PENALTY["bcr"], PENALTY["zcr"]],
        "features": [PENALTY["feature_matching"]],
        "parameters": [PENALTY["orthogonal"]],
    },
    "input and weights": {
        "plain": [{}],
        "clipping": [{"optimizer.discriminator.clip_weights": 0.05}],
        "instance noise": [{"instance_noise.std": 0.1, "instance_noise.end": 0.5}],
        "packing": [{"game.gan.packing": 2}],
    },
    "rule": {
        "gradient": [{"rule.name": "gradient"}],
        "wraps an optimizer": [{"rule.name": "optimistic"}],
        "looks ahead": [{"rule.name": "extragradient"}],
        "second order": [{"rule.name": "consensus"}, {"rule.name": "symplectic"}],
        "unrolled": [{"rule.name": "unrolled"}],
        "Runge-Kutta": [{"rule.name": "heun"} | SGD, {"rule.name": "rk4"} | SGD],
    },
    "precision": {name: [{"precision": name}] for name in ("float32", "bfloat16")},
    "ema": {"off": [{}], "on": [{"ema.decay": 0.9}]},
    "schedule": {
        "k = 1": [{}],
        "k = 2": [{"schedule.discriminator_steps": 2}],
        "simultaneous": [{"schedule.simultaneous": True}],
    },
    "devices": {"one": [{}], "two": [{}]},
    "network": {
        "plain": [{}],
        "spectral": [
            {"discriminator.mlp.spectral_norm": True},
            {"generator.name": "dcgan", "discriminator.name": "dcgan",
             "discriminator.dcgan.batch_norm": False, "discriminator.dcgan.spectral_norm": True},
        ],
        "minibatch": [{"discriminator.mlp.minibatch_features": 2}],
        "virtual": [{"generator.mlp.batch_norm": True, "generator.mlp.reference": 4}],
        "maxout": [{"discriminator.name": "maxout", "generator.mlp.batch_norm": True}],
        "batch norm": [{"generator.name": "dcgan", "discriminator.name": "dcgan"}],
    },
}  # fmt: skip

BASE = {
    "steps": 10,
    "batch_size": 8,
    "latent_dim": 2,
    "generator.mlp.widths": (4,),
    "discriminator.mlp.widths": (4,),
    "discriminator.maxout.widths": (4, 4),
    "discriminator.maxout.pieces": 2,
    "generator.dcgan.channels": 2,
    "discriminator.dcgan.channels": 2,
    "rule.unrolled.steps": 2,
    "rule.consensus.weight": 0.1,
    "rule.symplectic.weight": 0.1,
    "rule.rk4.regularization": 0.01,
    "optimizer.generator.learning_rate": 1e-3,
    "optimizer.discriminator.learning_rate": 1e-3,
}
MIXING = ("minibatch", "batch norm")  # networks whose discriminator mixes examples


def has_meaning(row):
    """Whether a row, or a part of one, is not refused when a configuration is read."""
    return row.get("gradient penalty", "none") == "none" or row.get("network") not in MIXING


def fields(number):
    """The configuration fields of row ``number``: of every class the choice whose turn it is."""
    made = dict(BASE)
    for factor, name in rows()[number].items():
        choices = FACTORS[factor][name]
        turn = sum(row[factor] == name for row in rows()[:number])
        made.update(choices[turn % len(choices)])
    return made


def meaningful_pairs():
    """Every ((factor, choice), (factor, choice)) that has a meaning."""
    return {
        ((a, x), (b, y))
        for a, b in itertools.combinations(FACTORS, 2)
        for x in FACTORS[a]
        for y in FACTORS[b]
        if has_meaning({a: x, b: y})
    }


def pairs_of(row):
    """The pairs that meet in a row."""
    return set(itertools.combinations(row.items(), 2))


@functools.cache
def rows():
    """The covering: rows chosen greedily, each from 12 made from a fixed seed, so that the first ones cover most."""
    dice = random.Random(0)
    left = meaningful_pairs()
    made = []
    while left:
        candidates = [_grown(dice, left) for _ in range(12)]
        best = max(candidates, key=lambda row: len(pairs_of(row) & left))
        left -= pairs_of(best)
        made.append(best)
    return tuple(made)


def on(devices, numbers):
    """Those rows among ``numbers`` that train on "one" device, or on "two"."""
    return [i for i in numbers if rows()[i]["devices"] == devices]


def _grown(dice, left):
    """A row that starts from a pair not covered yet and takes, factor by factor, what covers most."""
    row = dict(dice.choice(sorted(left)))
    others = [factor for factor in FACTORS if factor not in row]
    dice.shuffle(others)
    for factor in others:
        choices = [choice for choice in FACTORS[factor] if has_meaning({**row, factor: choice})]
        dice.shuffle(choices)
        row[factor] = max(choices, key=lambda choice: sum(_pair(factor, choice, kv) in left for kv in row.items()))
    return {factor: row[factor] for factor in FACTORS}


def _pair(factor, choice, other):
    order = list(FACTORS)
    pair = ((factor, choice), other)
    return pair if order.index(factor) < order.index(other[0]) else pair[::-1]
