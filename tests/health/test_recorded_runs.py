"""The detector on numbers of real MNIST runs that are too long for a test (experiments/mnist/records, seed 0)."""

import math

from gan_jax.health import LossScale, diagnose

CROSS_ENTROPY, HINGE = LossScale(math.log(4), 0.0, log_odds=True), LossScale(2.0, 0.0)

# minimax without dropout, 50,000 steps planned: thousands of steps, discriminator's loss, generator's gradient norm,
# mean logits of real and generated images
WON = [
    (1, 0.0486, 0.25, 5.0, -3.9), (2, 0.0889, 0.446, 6.0, -3.4), (3, 0.183, 1.27, 6.3, -3.5),
    (4, 0.0383, 0.303, 11.0, -5.3),
    (5, 0.0386, 0.76, 12.3, -6.8), (6, 0.214, 0.771, 10.7, -3.2), (7, 0.00272, 0.0265, 13.1, -8.3),
    (8, 0.00466, 0.00981, 13.8, -8.3), (9, 0.00057, 0.00229, 15.8, -12.3), (10, 0.0309, 0.24, 13.6, -5.8),
    (11, 0.00106, 0.012, 13.8, -9.2), (12, 0.000826, 0.00165, 15.4, -12.0), (13, 8.91e-05, 0.000555, 16.7, -12.9),
    (14, 0.013, 0.0513, 11.3, -6.3), (15, 0.000157, 0.00129, 16.3, -11.2), (16, 9.43e-05, 0.000808, 17.0, -11.1),
    (17, 2.45e-05, 0.00031, 18.6, -13.1), (18, 1.57e-05, 0.000121, 20.0, -16.0), (19, 3.5e-06, 2.48e-05, 20.5, -16.5),
    (20, 2.08e-06, 2.42e-05, 20.8, -17.2), (21, 1.13e-06, 1.33e-05, 22.8, -17.4), (22, 7.91e-07, 6.85e-06, 22.7, -17.7),
    (23, 7.53e-07, 4.21e-06, 22.4, -17.9), (24, 2.65e-07, 2.76e-06, 23.7, -17.5), (25, 1.45e-07, 1.37e-06, 24.9, -17.4),
    (26, 4.64e-08, 4.9e-07, 25.0, -18.7), (27, 4.39e-08, 2.59e-07, 26.1, -19.0), (28, 1.48e-08, 2e-07, 26.7, -19.6),
]  # fmt: skip

# hinge with Adam(2e-4, 0, 0.9), 40,000 steps: steps, diversity, effective rank, of 500 samples. By eye: blurred zeros.
COLLAPSED = [
    (2500, 0.548, 0.137), (5000, 0.678, 0.181), (7500, 0.793, 0.203), (10000, 0.771, 0.206), (12500, 0.748, 0.197),
    (15000, 0.766, 0.211), (17500, 0.749, 0.189), (20000, 0.717, 0.196), (22500, 0.508, 0.142), (25000, 0.632, 0.098),
    (27500, 0.642, 0.113), (30000, 0.606, 0.060), (32500, 0.591, 0.056), (35000, 0.528, 0.060), (37500, 0.408, 0.062),
]  # fmt: skip

# least squares, 20,000 steps, by eye recognizable digits: the slow beginning of a healthy run, and its end
HEALTHY = [
    (1000, 0.227, 0.566), (1500, 0.328, 0.189), (2000, 0.462, 0.150), (2500, 0.590, 0.163), (3000, 0.673, 0.181),
    (3500, 0.721, 0.200), (4000, 0.741, 0.218), (4500, 0.769, 0.238), (5000, 0.798, 0.260), (5500, 0.813, 0.287),
    (6000, 0.829, 0.303), (10000, 0.893, 0.541), (15000, 0.927, 0.723), (20000, 0.957, 0.788),
]  # fmt: skip


def samples(table):
    return [
        {"step": step, "samples/diversity": diversity, "samples/effective_rank": rank, "discriminator/loss": 1.7}
        for step, diversity, rank in table
    ]


def test_the_discriminator_that_won():
    names = ("discriminator/loss", "generator/gradient_norm", "discriminator/real_logits", "discriminator/fake_logits")
    history = [{"step": 1000 * row[0], **dict(zip(names, row[1:], strict=True))} for row in WON]
    found = diagnose(history, CROSS_ENTROPY, 50_000)
    assert [f.name for f in found] == ["discriminator_won", "vanishing_generator_gradient", "saturated_logits"]
    assert [f.since for f in found] == [11_000, 15_000, 18_000]
    assert found[0].hopeless
    assert diagnose(history[:15], CROSS_ENTROPY, 50_000) == ()  # it had lost ground at step 10,000


def test_the_collapse():
    history = samples(COLLAPSED)
    assert all(diagnose(history[:end], HINGE, 40_000) == () for end in range(1, 13))
    (found,) = diagnose(history, HINGE, 40_000)
    assert (found.name, found.since, found.hopeless) == ("collapsed", 22_500, True)


def test_a_slow_beginning_is_no_collapse():
    history = samples(HEALTHY)
    assert all(diagnose(history[:end], HINGE, 20_000) == () for end in range(1, len(history) + 1))
