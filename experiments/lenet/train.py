"""Trains the classifier of `gan_jax.extractors.lenet` and writes its weights.

    python experiments/lenet/train.py --dataset=mnist --out=FILE.npz

The same command on the same machine makes the same bytes. The training split alone is used; the test split is read
once, after the last step.
"""

import argparse
import hashlib
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.data import load
from gan_jax.data.source import to_float
from gan_jax.extractors import lenet

BATCH = 125


class Recipe(NamedTuple):
    """What differs between the data sets.

    Attributes:
      epochs: passes over the training split.
      shift: of an image, at most, in pixels.
      mirror: whether half of the images are mirrored.
      dropout: see `lenet.LeNet`.
    """

    epochs: int
    shift: int
    mirror: bool
    dropout: float


RECIPES = {
    "mnist": Recipe(epochs=12, shift=2, mirror=False, dropout=0.5),
    "fashion_mnist": Recipe(epochs=20, shift=1, mirror=True, dropout=0.25),
}


def augment(rng: np.random.Generator, images: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Moves each image of uint8 [B, 28, 28, 1] by up to `shift` pixels, black at the edge, and mirrors half of them."""
    batch, height, width, _ = images.shape
    margin = (recipe.shift, recipe.shift)
    padded = np.pad(images, ((0, 0), margin, margin, (0, 0)))
    down, right = rng.integers(0, 2 * recipe.shift + 1, (2, batch, 1))
    columns = np.arange(width) + right
    if recipe.mirror:
        columns = np.where(rng.random((batch, 1)) < 0.5, columns[:, ::-1], columns)
    rows = np.arange(height) + down
    return padded[np.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]


def train(images: np.ndarray, labels: np.ndarray, recipe: Recipe, seed: int) -> Any:
    """Parameters after `recipe.epochs` passes over the examples, with AdamW and a cosine learning rate."""
    network = lenet.LeNet(dropout=recipe.dropout)
    base = jax.random.key(seed)
    params = network.init(jax.random.fold_in(base, 0), jnp.zeros((1, *lenet.SHAPE)))["params"]
    steps_per_epoch = len(images) // BATCH
    steps = recipe.epochs * steps_per_epoch
    optimizer = optax.adamw(optax.warmup_cosine_decay_schedule(0.0, 2e-3, steps // 20, steps), weight_decay=0.05)
    opt_state = optimizer.init(params)

    @jax.jit
    def step(params: Any, opt_state: Any, key: jax.Array, image: jax.Array, label: jax.Array) -> tuple[Any, Any, Any]:
        def loss_fn(params: Any) -> jax.Array:
            keys = jax.random.split(key, BATCH)
            _, logits = network.apply({"params": params}, to_float(image), train=True, keys=keys)
            return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()

        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    rng = np.random.default_rng(seed)
    start = time.monotonic()
    for epoch in range(recipe.epochs):
        losses = []
        for i, index in enumerate(rng.permutation(len(images))[: steps_per_epoch * BATCH].reshape(-1, BATCH)):
            key = jax.random.fold_in(base, 1 + epoch * steps_per_epoch + i)
            batch = augment(rng, images[index], recipe)
            params, opt_state, loss = step(params, opt_state, key, batch, labels[index])
            losses.append(loss)
        mean = float(np.mean(jax.device_get(losses)))
        print(f"epoch {epoch + 1}/{recipe.epochs}  mean loss {mean:.4f}  {time.monotonic() - start:.0f} s", flush=True)
    return params


def accuracy(params: Any, images: np.ndarray, labels: np.ndarray) -> float:
    """Percent of the examples that are classified as their label, without dropout."""
    logits = jax.jit(lambda x: lenet.LeNet().apply({"params": params}, to_float(x))[1])
    parts = [np.argmax(logits(part), axis=-1) for part in np.split(images, 10)]
    return 100.0 * float(np.mean(np.concatenate(parts) == labels))


def main() -> None:
    """Trains, measures once on the test split, writes the file and prints its sha256."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, choices=sorted(RECIPES))
    parser.add_argument("--out", required=True, type=Path, help="the .npz file to write")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    source = load(args.dataset, split="train")
    params = train(source.arrays["image"], source.arrays["label"], RECIPES[args.dataset], args.seed)
    content = lenet.pack(params)
    args.out.write_bytes(content)
    test = load(args.dataset, split="test")
    percent = accuracy(params, test.arrays["image"], test.arrays["label"])
    print(f"test accuracy {percent:.2f} %  {len(content)} bytes  sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
