"""Each penalty against its formula, by hand or in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.penalties import PENALTIES, SUPPLIED, batch, consistency, feature_matching, gradient, lecam, parameters

B, SHAPE = 6, (5, 4, 2)


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape, jnp.float32)


KEYS = jax.random.split(jax.random.key(9), B)


def flat(x):
    return x.reshape(x.shape[0], -1)


def test_the_table_says_who_pays_and_what_is_needed():
    generators = {"zcr_generator", "orthogonal_generator", "historical_averaging_generator", "feature_matching"}
    assert {name for name, penalty in PENALTIES.items() if penalty.player == "generator"} == generators
    of_gradient = {"wgan_gp", "lipschitz", "dragan", "r1", "r2"}
    assert {name for name, penalty in PENALTIES.items() if penalty.per_example} == of_gradient
    assert {name for name, penalty in PENALTIES.items() if penalty.of_norm} == of_gradient
    assert [name for name, penalty in PENALTIES.items() if penalty.images_only] == ["bcr"]
    for penalty in PENALTIES.values():
        assert "Formula:" in penalty.function.__doc__
        assert "References:" in penalty.function.__doc__
        assert "weight" not in penalty.function.__code__.co_varnames
    assert "critic" in SUPPLIED


@pytest.mark.parametrize("norm", [0.25, 1.0, 3.0])
def test_values_at_a_known_slope(norm):
    """||w|| = norm, so the five penalties are (n-1)^2, max(0, n-1)^2, (n-1)^2, n^2/2 and n^2/2."""
    w = draw(0, *SHAPE)
    w = norm * w / jnp.linalg.norm(w.reshape(-1))
    critic = lambda x: flat(x) @ w.reshape(-1)
    real, fake = draw(1, B, *SHAPE), draw(2, B, *SHAPE)
    close = lambda got, want: np.testing.assert_allclose(got, np.full(B, want), rtol=1e-5, atol=1e-6)
    close(gradient.wgan_gp(critic, real, fake, KEYS), (norm - 1) ** 2)
    close(gradient.wgan_gp(critic, real, fake, KEYS, target=0.0), norm**2)
    close(gradient.lipschitz(critic, real, fake, KEYS), max(0.0, norm - 1) ** 2)
    close(gradient.dragan(critic, real, KEYS), (norm - 1) ** 2)
    close(gradient.r1(critic, real), norm**2 / 2)
    close(gradient.r2(critic, fake), norm**2 / 2)


def test_r1_of_a_scaled_parabola_and_its_derivative():
    """critic a/2 ||x||^2 has slope a x: R1 is a^2 ||x||^2 / 2 and its derivative a ||x||^2."""
    x = draw(1, B, *SHAPE)
    penalty = lambda a: gradient.r1(lambda x: 0.5 * a * jnp.sum(jnp.square(flat(x)), axis=1), x)
    squares = np.sum(np.square(flat(np.asarray(x))), axis=1)
    np.testing.assert_allclose(penalty(jnp.float32(1.5)), 0.5 * 1.5**2 * squares, rtol=1e-5)
    np.testing.assert_allclose(jax.jacobian(penalty)(jnp.float32(1.5)), 1.5 * squares, rtol=1e-5)


def test_the_guard_at_zero_changes_no_other_value():
    scales = jnp.array([0.0, 1e-15, 1e-6, 1.0, 1e6, 1e15], jnp.float32)
    critic = lambda x: jnp.sum(flat(x), axis=1) * scales
    norms = gradient.input_gradient_norm(critic, jnp.zeros((6, 3, 3), jnp.float32))
    np.testing.assert_allclose(norms, 3 * scales, rtol=1e-6)
    slope = jax.grad(lambda a: jnp.sum(gradient.input_gradient_norm(lambda x: a * flat(x)[:, 0], jnp.ones((2, 3)))))
    assert float(slope(0.0)) == 0.0
    np.testing.assert_allclose(slope(-2.0), -2.0)


def test_interpolates_lie_between_and_depend_on_their_own_key():
    real, fake = draw(1, B, *SHAPE), draw(2, B, *SHAPE)
    x = gradient.interpolates(real, fake, KEYS)
    share = flat(x - fake) / flat(real - fake)
    np.testing.assert_allclose(share, np.broadcast_to(share[:, :1], share.shape), atol=1e-3)
    assert len(np.unique(np.round(share[:, 0], 3))) == B
    assert float(share.min()) >= -1e-3
    assert float(share.max()) <= 1 + 1e-3
    np.testing.assert_array_equal(gradient.interpolates(real, fake, KEYS[::-1])[0] == x[0], False)
    np.testing.assert_array_equal(gradient.interpolates(real, real, KEYS), real)
    many = gradient.interpolates(jnp.ones((4000, 1)), jnp.zeros((4000, 1)), jax.random.split(jax.random.key(0), 4000))
    assert abs(float(many.mean()) - 0.5) < 5 / np.sqrt(12 * 4000)


def test_dragan_looks_half_a_standard_deviation_around_the_data():
    seen = []

    def critic(x):
        seen.append(jax.lax.stop_gradient(x))
        return jnp.sum(flat(x), axis=1)

    real = 3 + 2 * draw(1, B, *SHAPE)
    with jax.disable_jit():
        gradient.dragan(critic, real, KEYS, scale=0.5)
    near = jax.tree.leaves(seen)[0]
    near = getattr(near, "primal", near)
    share = np.asarray(near - real) / (0.5 * np.asarray(real).std())
    assert share.min() > -1e-5
    assert share.max() < 1 + 1e-5
    assert abs(share.mean() - 0.5) < 5 / np.sqrt(12 * share.size)


def test_lecam_by_hand_and_as_the_released_code():
    real, fake = jnp.array([2.0, -1.0]), jnp.array([-3.0, 0.5])
    memory = {"real": jnp.float32(1.0), "fake": jnp.float32(-2.0)}
    np.testing.assert_allclose(lecam.lecam(real, fake, memory), [16 + 16, 1 + 0.25])
    np.testing.assert_allclose(lecam.lecam(real, fake, memory, one_sided=True), [16 + 16, 1 + 0.25])
    real = jnp.array([-4.0, -1.0])  # below the average fake: only the paper's formula minds
    np.testing.assert_allclose(lecam.lecam(real, fake, memory), [4 + 16, 1 + 0.25])
    np.testing.assert_allclose(lecam.lecam(real, fake, memory, one_sided=True), [0 + 16, 1 + 0.25])
    after = lecam.follow(real, fake, memory, decay=0.75)
    np.testing.assert_allclose([after["real"], after["fake"]], [0.75 - 0.25 * 2.5, -1.5 - 0.25 * 1.25])
    assert [float(a) for a in lecam.start({}).values()] == [0.0, 0.0]
    slope = jax.grad(lambda r: jnp.sum(lecam.lecam(r, fake, memory)))(real)
    np.testing.assert_allclose(slope, 2 * (real + 2))


@pytest.mark.parametrize("flip", [False, True])
def test_augmentation_shifts_by_whole_pixels_with_reflection(flip):
    x = np.asarray(draw(3, 80, 6, 7, 1))
    keys = jax.random.split(jax.random.key(0), 80)
    y = np.asarray(consistency.augment(jnp.asarray(x), keys, shift=2, flip=flip))
    found = []
    for before, after in zip(x, y, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        windows = {(i, j): padded[i : i + 6, j : j + 7] for i in range(5) for j in range(5)}
        matches = [
            (i, j, m) for (i, j), w in windows.items() for m in (0, 1) if np.array_equal(w[:, ::-1] if m else w, after)
        ]
        assert len(matches) == 1
        found += matches
    assert {i for i, _, _ in found} == {j for _, j, _ in found} == set(range(5))
    assert {m for _, _, m in found} == ({0, 1} if flip else {0})


def test_bcr_is_zero_where_nothing_changes_and_else_the_squared_difference():
    w = draw(0, *SHAPE)
    critic = lambda x: flat(x) @ w.reshape(-1)
    real, fake = draw(1, B, *SHAPE), draw(2, B, *SHAPE)
    np.testing.assert_array_equal(consistency.bcr(critic, real, fake, KEYS, shift=0), 0)
    even = jnp.broadcast_to(draw(3, B, 1, 1, 2), (B, *SHAPE))  # an image of one colour looks the same when shifted
    np.testing.assert_allclose(consistency.bcr(critic, even, even, KEYS, flip=True), 0, atol=1e-9)
    symmetric = lambda x: critic(x) + critic(x[:, :, ::-1])
    np.testing.assert_allclose(consistency.bcr(symmetric, real, fake, KEYS, shift=0, flip=True), 0, atol=1e-9)
    pairs = jax.vmap(jax.random.split)(KEYS)
    gaps = [
        critic(x) - critic(consistency.augment(x, k, shift=1)) for x, k in ((real, pairs[:, 0]), (fake, pairs[:, 1]))
    ]
    np.testing.assert_allclose(
        consistency.bcr(critic, real, fake, KEYS, shift=1), gaps[0] ** 2 + gaps[1] ** 2, rtol=1e-5
    )


def test_zcr_on_linear_networks():
    """G(z) = A z and critic w.x: the changes are w.A e and A e, with e the noise."""
    a, w, z = draw(0, 3, 7), draw(1, 7), draw(2, B, 3)
    generate, critic = (lambda z: z @ a), (lambda x: x @ w)
    e = consistency.perturb(jnp.zeros((B, 3)), KEYS, 0.1)
    np.testing.assert_allclose(
        consistency.zcr(critic, generate, z, KEYS, noise=0.1), np.square(e @ a @ w), rtol=1e-3, atol=1e-6
    )
    np.testing.assert_allclose(
        consistency.zcr_generator(generate, z, KEYS, noise=0.1), -np.sum(np.square(e @ a), axis=1), rtol=1e-3
    )
    np.testing.assert_array_equal(consistency.zcr(critic, generate, z, KEYS, noise=0.0), 0)
    many = consistency.perturb(jnp.zeros((5000, 2)), jax.random.split(jax.random.key(1), 5000), 0.03)
    assert abs(float(many.std()) / 0.03 - 1) < 5 / np.sqrt(2 * 10_000)


def test_orthogonal_by_hand():
    kernel = jnp.array([[1.0, 1.0], [0.0, 0.0]])  # W^T W is all ones: two entries off the diagonal
    params = {"a": {"kernel": kernel, "bias": jnp.ones((2,))}, "b": {"scale": jnp.ones((2, 2))}}
    assert float(parameters.orthogonal(params)) == 2.0
    assert float(parameters.orthogonal(params, unit_norm=True)) == 2.0
    assert float(parameters.orthogonal({"a": {"kernel": 2 * jnp.eye(3)}})) == 0.0
    assert float(parameters.orthogonal({"a": {"kernel": 2 * jnp.eye(3)}}, unit_norm=True)) == 27.0
    assert float(parameters.orthogonal({"a": {"bias": jnp.ones((2,))}})) == 0.0
    assert float(parameters.orthogonal({})) == 0.0
    filters = np.asarray(draw(0, 3, 3, 2, 4))
    gram = filters.reshape(18, 4).T @ filters.reshape(18, 4)
    want = np.sum(np.square(gram - np.diag(np.diag(gram))))
    np.testing.assert_allclose(parameters.orthogonal({"c": {"kernel": jnp.asarray(filters)}}), want, rtol=1e-5)


def test_orthogonal_derivative_is_the_one_of_its_formula():
    w = draw(0, 5, 3)
    got = jax.grad(lambda w: parameters.orthogonal({"kernel": w}))(w)
    gram = np.asarray(w).T @ np.asarray(w)
    np.testing.assert_allclose(got, 4 * np.asarray(w) @ (gram * (1 - np.eye(3))), rtol=1e-4, atol=1e-5)


def test_historical_averaging_follows_the_mean_of_the_past():
    history = [{"w": draw(i, 3), "b": draw(i + 10)} for i in range(4)]
    memory = parameters.start(history[0])
    for i, now in enumerate(history):
        past = history[: max(i, 1)]
        mean = jax.tree.map(lambda *a: np.mean(np.stack(a), axis=0), *past)
        want = sum(np.sum(np.square(now[k] - mean[k])) for k in now)
        value, slope = jax.value_and_grad(parameters.historical_averaging)(now, memory)
        np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(slope["w"], 2 * (now["w"] - mean["w"]), rtol=1e-4, atol=1e-6)
        assert i > 0 or float(value) == float(jnp.max(jnp.abs(slope["w"]))) == 0.0
        memory = parameters.follow(now, memory)
    assert float(memory["count"]) == 4.0


def test_feature_matching_of_shifted_data_is_the_squared_shift():
    w, real, shift = draw(0, 4, 3), draw(1, B, 4), draw(2, 1, 4)
    features = lambda x: x @ w
    got = feature_matching.feature_matching(features, real, real + jnp.broadcast_to(shift, real.shape))
    np.testing.assert_allclose(got, np.sum(np.square(shift @ w)), rtol=1e-4)
    slope = jax.grad(lambda real: feature_matching.feature_matching(features, real, jnp.zeros((B, 4))))(real)
    np.testing.assert_array_equal(slope, 0)  # the data's features are constants
    slope = jax.grad(lambda fake: feature_matching.feature_matching(features, jnp.zeros((B, 4)), fake))(real)
    want = np.broadcast_to(2 / B * (np.mean(real, axis=0) @ w) @ w.T, (B, 4))
    np.testing.assert_allclose(slope, want, rtol=1e-4, atol=1e-6)


def test_numbers_are_added_up_in_single_precision():
    x = jnp.ones((2, 1000), jnp.bfloat16)
    np.testing.assert_array_equal(batch.squares(x), [1000.0, 1000.0])
    assert batch.squares(x).dtype == jnp.float32
