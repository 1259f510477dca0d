"""The training steps of `cases.py` in PyTorch, timed on request: the other side of `python -m benchmarks.steps`.

Started as a process of its own, since two runtimes in one would compete for threads. It reads lines of JSON from stdin,
{"case", "mode", "batch", "steps"}, and answers each with the seconds that so many steps took; the first request of a
case and mode builds (and compiles) it and takes a few steps before.

Networks, optimizers and updates are those of the JAX side: fresh latent variables for each player, the discriminator's
step does not differentiate the generator, data are in memory. As in PyTorch's own examples the generator's step also
forms the discriminator's gradients, which nobody uses; mode "frozen" switches them off. Mode "published" is the step of
yunjey's tutorial as it stands: sigmoid and binary cross-entropy with tensors of targets, real and generated examples in
two passes, and a discriminator's step that differentiates the generator too.
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional

LEAK = 0.2


class Maxout(nn.Module):
    """Largest of `pieces` linear functions."""

    def __init__(self, inputs, features, pieces):
        super().__init__()
        self.linear, self.features, self.pieces = nn.Linear(inputs, pieces * features), features, pieces

    def forward(self, x):
        return self.linear(x).view(-1, self.pieces, self.features).amax(1)


def mlp(latent, widths, outputs, activation, last=None):
    layers, inputs = [], latent
    for width in widths:
        layers += [nn.Linear(inputs, width), activation()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs), *([last] if last else []))


def dcgan(normalized):
    """Networks for 32 x 32 x 1 with 256, 128 and 64 channels; the discriminator with batch norm or without."""

    def up(inputs, outputs, stride, padding):
        conv = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)
        return [conv, nn.BatchNorm2d(outputs), nn.ReLU(True)]

    def down(inputs, outputs):
        conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not normalized)
        return [conv, *([nn.BatchNorm2d(outputs)] if normalized else []), nn.LeakyReLU(LEAK, True)]

    generator = nn.Sequential(
        nn.Unflatten(1, (100, 1, 1)),
        *up(100, 256, 1, 0), *up(256, 128, 2, 1), *up(128, 64, 2, 1), nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(LEAK, True), *down(64, 128), *down(128, 256), nn.Conv2d(256, 1, 4)
    )
    return generator, discriminator


def networks(case):
    if case == "mlp":
        return (
            mlp(64, (256, 256), 784, nn.ReLU, nn.Tanh()),
            mlp(784, (256, 256), 1, lambda: nn.LeakyReLU(LEAK)),
        )
    if case == "ring":
        return mlp(256, (128, 128), 2, nn.Tanh), mlp(2, (128, 128), 1, nn.Tanh)
    if case == "maxout":
        judge = nn.Sequential(
            nn.Dropout(0.2),
            Maxout(784, 240, 5),
            nn.Dropout(0.5),
            Maxout(240, 240, 5),
            nn.Dropout(0.5),
            nn.Linear(240, 1),
        )
        return mlp(100, (1200, 1200), 784, nn.ReLU, nn.Sigmoid()), judge
    return dcgan(normalized=case == "dcgan")


def optimizers(case, generator, discriminator):
    if case == "maxout":
        return torch.optim.SGD(generator.parameters(), 0.1, 0.5), torch.optim.SGD(discriminator.parameters(), 0.05, 0.5)
    first, second = {
        "mlp": ((2e-4, 0.5, 0.999), (2e-4, 0.5, 0.999)),
        "ring": ((1e-3, 0.5, 0.999), (1e-4, 0.5, 0.999)),
        "dcgan": ((2e-4, 0.5, 0.999), (2e-4, 0.5, 0.999)),
        "dcgan_gp": ((1e-4, 0.0, 0.9), (1e-4, 0.0, 0.9)),
    }[case]
    return tuple(
        torch.optim.Adam(net.parameters(), rate, (b1, b2))
        for net, (rate, b1, b2) in ((generator, first), (discriminator, second))
    )


def data_of(case, batch):
    """A function that gives the next minibatch."""
    if case == "ring":
        angles = torch.arange(8) * (2 * math.pi / 8)
        means = torch.stack([torch.cos(angles), torch.sin(angles)], 1)
        return lambda: means[torch.randint(8, (batch,))] + 0.02 * torch.randn(batch, 2)
    shape = (60000, 1, 32, 32) if case.startswith("dcgan") else (60000, 784)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    scale, shift = (255.0, 0.0) if case == "maxout" else (127.5, 1.0)
    return lambda: images[torch.randint(60000, (batch,))].float() / scale - shift


def latent_of(case, batch):
    if case == "maxout":
        return lambda: torch.empty(batch, 100).uniform_(-math.sqrt(3), math.sqrt(3))
    size = {"mlp": 64, "ring": 256}.get(case, 100)
    return lambda: torch.randn(batch, size)


def adversarial(real, fake):
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def slope_penalty(discriminator, real, fake):
    mix = torch.rand(real.shape[0], 1, 1, 1)
    x = (mix * real + (1 - mix) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return 10.0 * (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()


def make_step(case, batch, mode):
    torch.manual_seed(0)
    generator, discriminator = networks(case)
    of_generator, of_discriminator = optimizers(case, generator, discriminator)
    data, latent = data_of(case, batch), latent_of(case, batch)
    wasserstein, together = case == "dcgan_gp", case == "maxout"
    frozen = mode == "frozen" or together  # else the generator's gradients would be added to the discriminator's

    def discriminator_loss(real, fake):
        judged = discriminator(real), discriminator(fake)
        return judged[1].mean() - judged[0].mean() if wasserstein else adversarial(*judged)

    def generator_loss(z):
        judged = discriminator(generator(z))
        return -judged.mean() if wasserstein else functional.softplus(-judged).mean()

    def published():
        real, one, zero = data(), torch.ones(batch, 1), torch.zeros(batch, 1)
        entropy = functional.binary_cross_entropy
        loss = entropy(discriminator(real).sigmoid(), one)
        loss = loss + entropy(discriminator(generator(latent())).sigmoid(), zero)
        for optimizer in (of_discriminator, of_generator):
            optimizer.zero_grad()
        loss.backward()
        of_discriminator.step()
        loss = entropy(discriminator(generator(latent())).sigmoid(), one)
        for optimizer in (of_discriminator, of_generator):
            optimizer.zero_grad()
        loss.backward()
        of_generator.step()

    if mode == "published":
        return published

    # Double backward is not supported by torch.compile, so that the penalty stays eager in every mode.
    if mode == "compile":
        discriminator_loss, generator_loss = torch.compile(discriminator_loss), torch.compile(generator_loss)
        produce = torch.compile(generator)
    else:
        produce = generator

    def step():
        with torch.no_grad():
            fake = produce(latent())
        real = data()
        of_discriminator.zero_grad(set_to_none=True)
        loss = discriminator_loss(real, fake)
        if wasserstein:
            loss = loss + slope_penalty(discriminator, real, fake)
        loss.backward()
        if not together:
            of_discriminator.step()
        of_generator.zero_grad(set_to_none=True)
        if frozen:
            discriminator.requires_grad_(False)
        generator_loss(latent()).backward()
        if frozen:
            discriminator.requires_grad_(True)
        of_generator.step()
        if together:
            of_discriminator.step()

    return step


def matrix_product(size):
    """Median seconds of a product of two square matrices."""
    a, seconds = torch.ones(size, size), []
    for _ in range(8):
        began = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - began)
    return sorted(seconds[1:])[3]


def main():
    torch.set_num_threads(int(sys.argv[1]))
    steps = {}
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["case"] == "matrix product":
            print(json.dumps({"seconds": matrix_product(asked["size"])}), flush=True)
            continue
        key = asked["case"], asked["mode"]
        if key not in steps:
            steps[key] = make_step(asked["case"], asked["batch"], asked["mode"])
            for _ in range(3):
                steps[key]()
        began = time.perf_counter()
        for _ in range(asked["steps"]):
            steps[key]()
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
