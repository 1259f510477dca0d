"""What is called, and when, on histories written by hand."""

import math

import pytest

from gan_jax.health import HEALTHY, STATES, Limits, LossScale, diagnose

CROSS_ENTROPY = LossScale(math.log(4), 0.0, log_odds=True)
WASSERSTEIN = LossScale()
USUAL = {
    "images_seen": 1e9,
    "discriminator/loss": 1.3,
    "generator/loss": 0.8,
    "discriminator/gradient_norm": 2.0,
    "generator/gradient_norm": 1.0,
    "discriminator/real_logits": 0.2,
    "discriminator/fake_logits": -0.2,
    "samples/diversity": 0.95,
    "samples/effective_rank": 0.8,
    "samples/modes": 1.0,
    "samples/heaviest_mode": 2,
}


def history(num=20, begin=10, **changed):
    """Records of every hundredth step; the changed numbers hold from record ``begin`` on."""
    values = {name.replace("__", "/"): value for name, value in changed.items()}
    return [
        {
            "step": 100 * (i + 1),
            **USUAL,
            **({k: v(i) if callable(v) else v for k, v in values.items()} if i >= begin else {}),
        }
        for i in range(num)
    ]


def names(records, scale=CROSS_ENTROPY, **more):
    return [finding.name for finding in diagnose(records, scale, **more)]


SICK = {
    "non_finite": {"generator__loss": math.nan},
    "diverging": {"generator__gradient_norm": 1e5},
    "discriminator_won": {"discriminator__loss": 1e-3},
    "vanishing_generator_gradient": {"discriminator__loss": 0.1, "generator__gradient_norm": 1e-3},
    "saturated_logits": {"discriminator__real_logits": 20.0, "discriminator__fake_logits": -18.0},
    "collapsed": {"samples__diversity": 0.1},
    "oscillating": {"samples__modes": 0.4, "samples__heaviest_mode": lambda i: i % 5},
}


def test_nothing_is_wrong_with_the_usual():
    assert diagnose(history(), CROSS_ENTROPY) == ()
    assert diagnose([], CROSS_ENTROPY) == ()
    assert HEALTHY not in STATES
    assert {*SICK} == {*STATES}


@pytest.mark.parametrize("state", STATES)
def test_each_state(state):
    (finding,) = diagnose(history(**SICK[state]), CROSS_ENTROPY)
    assert finding.name == state
    assert finding.since == (2000 if state == "non_finite" else 1100)
    assert "\n" not in finding.evidence
    assert finding.hopeless == (state not in ("saturated_logits", "oscillating"))


@pytest.mark.parametrize("state", STATES[1:])
def test_it_must_persist(state):
    short = history(begin=16, **SICK[state])  # four records
    assert names(short) == []
    assert names(history(begin=15, **SICK[state])) == [state]
    # Five records of a run that is planned to be longer span too little of it ...
    assert names(history(begin=15, **SICK[state]), total_steps=10_000) == []
    # ... and one good record ends it.
    assert names([*history(**SICK[state]), {**USUAL, "step": 2100}]) == []
    assert names(history(begin=14, **SICK[state]), limits=Limits(records=7)) == []


@pytest.mark.parametrize("state", [s for s in STATES if s not in ("non_finite", "diverging")])
def test_the_beginning_is_not_judged(state):
    sick = history(begin=0, **SICK[state])
    if state == "vanishing_generator_gradient":
        sick[0] = {**sick[0], "generator/gradient_norm": 1.0}
    assert names(sick[:6], total_steps=3000) == []
    assert names(sick, total_steps=3000) == [state]
    assert diagnose(sick, CROSS_ENTROPY, 3000)[0].since == 700


def test_hopeless_is_what_lasts():
    sick = history(begin=10, discriminator__loss=1e-3)
    assert not diagnose(sick, CROSS_ENTROPY, 4000)[0].hopeless
    assert diagnose(sick, CROSS_ENTROPY, 3000)[0].hopeless
    assert not diagnose(sick, CROSS_ENTROPY, 3000, Limits(hopeless_share=0.5))[0].hopeless


def test_only_what_the_loss_supports():
    # A critic of the Wasserstein loss has no least cost and any logits; far out it may be, but not diverging at once.
    critic = history(discriminator__loss=-500.0, discriminator__real_logits=300.0, discriminator__fake_logits=-200.0)
    assert names(critic, WASSERSTEIN) == []
    assert names(history(**SICK["vanishing_generator_gradient"]), WASSERSTEIN) == []
    assert names(history(discriminator__loss=-1e6), WASSERSTEIN) == ["diverging"]
    hinge = LossScale(2.0, 0.0)
    assert names(history(**SICK["saturated_logits"]), hinge) == []
    assert names(history(discriminator__loss=0.019), hinge) == ["discriminator_won"]
    assert names(history(discriminator__loss=0.021), hinge) == []


def test_with_smoothed_targets_a_won_cost_is_not_0():
    smoothed = LossScale(1.3769, 0.3252, log_odds=True)
    assert names(history(discriminator__loss=0.33), smoothed) == ["discriminator_won"]
    assert names(history(discriminator__loss=0.4), smoothed) == []


def test_a_small_gradient_at_the_equilibrium_is_no_alarm():
    assert names(history(generator__gradient_norm=1e-6, discriminator__loss=math.log(4))) == []


def test_divergence_from_the_beginning_is_measured_by_the_equilibrium():
    assert names(history(begin=0, discriminator__loss=1e5)) == ["diverging"]
    assert names(history(begin=0, generator__gradient_norm=1e5)) == []  # this may be its scale


@pytest.mark.parametrize(
    "changed",
    [{"samples__effective_rank": 0.1}, {"samples__modes": 0.25}, {"recall_lenet": 0.01}, {"samples__diversity": 0.0}],
)
def test_each_sign_of_a_collapse(changed):
    assert names(history(**changed)) == ["collapsed"]


def test_two_modes_in_turn_are_not_called_oscillating():
    assert names(history(samples__modes=0.4, samples__heaviest_mode=lambda i: i % 2)) == []
    assert names(history(samples__modes=0.4, samples__heaviest_mode=3)) == []
    assert names(history(samples__modes=0.8, samples__heaviest_mode=lambda i: i % 5)) == []


def test_records_without_samples_are_passed_over():
    records = history(num=40, begin=10, **SICK["collapsed"])
    thin = [
        r if i % 4 == 0 else {k: v for k, v in r.items() if not k.startswith("samples/")} for i, r in enumerate(records)
    ]
    assert names(thin) == ["collapsed"]
    assert names([{"step": i * 100} for i in range(1, 30)]) == []


def test_several_at_once_come_in_order():
    sick = {
        **SICK["collapsed"],
        **SICK["discriminator_won"],
        **SICK["saturated_logits"],
        "generator__gradient_norm": 1e-9,
    }
    found = names(history(**sick))
    assert found == ["discriminator_won", "vanishing_generator_gradient", "saturated_logits", "collapsed"]


def test_infinite_is_named():
    finding = diagnose(history(discriminator__loss=-math.inf, generator__loss=math.nan), CROSS_ENTROPY)[0]
    assert finding.evidence == "discriminator/loss is -inf, generator/loss is nan at step 2,000"


def test_a_rate_that_is_infinite_is_no_matter():
    assert names([{**r, "images_per_second": math.inf} for r in history()]) == []
