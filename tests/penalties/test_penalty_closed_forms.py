"""Each penalty against its formula, by hand or in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.penalties import PENALTIES, SUPPLIED, batch, consistency, feature_matching, gradient, lecam, parameters

B, SHAPE = 6, (5, 4, 2)


def draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


KEYS = jax.random.split(jax.random.key(9), B)


def flat(x):
    return x.reshape(x.shape[0], -1)


def compiled(function):
    """As one small program, made quickly: uncompiled, every operation would be a program of its own."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 1})


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


def test_values_at_a_known_slope():
    """||w|| = norm, so the five penalties are (n-1)^2, max(0, n-1)^2, (n-1)^2, n^2/2 and n^2/2."""
    real, fake = draw(1, B, *SHAPE), draw(2, B, *SHAPE)

    @compiled
    def penalties(w):
        critic = lambda x: flat(x) @ w.reshape(-1)
        return (
            gradient.wgan_gp(critic, real, fake, KEYS),
            gradient.wgan_gp(critic, real, fake, KEYS, target=0.0),
            gradient.lipschitz(critic, real, fake, KEYS),
            gradient.dragan(critic, real, KEYS),
            gradient.r1(critic, jnp.asarray(real)),
            gradient.r2(critic, jnp.asarray(fake)),
        )

    w = draw(0, *SHAPE)
    for n in (0.25, 1.0, 3.0):
        want = (n - 1) ** 2, n**2, max(0.0, n - 1) ** 2, (n - 1) ** 2, n**2 / 2, n**2 / 2
        got = np.stack(penalties(np.float32(n) * w / np.linalg.norm(w)), axis=1)
        np.testing.assert_allclose(got, np.broadcast_to(want, (B, 6)), rtol=1e-5, atol=1e-6)


def test_r1_of_a_scaled_parabola_and_its_derivative():
    """critic a/2 ||x||^2 has slope a x: R1 is a^2 ||x||^2 / 2 and its derivative a ||x||^2."""
    x = draw(1, B, *SHAPE)
    penalty = lambda a: gradient.r1(lambda x: 0.5 * a * jnp.sum(jnp.square(flat(x)), axis=1), x)
    value, slope = compiled(lambda a: (penalty(a), jax.jacobian(penalty)(a)))(np.float32(1.5))
    squares = np.sum(np.square(flat(x)), axis=1)
    np.testing.assert_allclose(value, 0.5 * 1.5**2 * squares, rtol=1e-5)
    np.testing.assert_allclose(slope, 1.5 * squares, rtol=1e-5)


def test_the_guard_at_zero_changes_no_other_value():
    scales = np.array([0.0, 1e-15, 1e-6, 1.0, 1e6, 1e15], np.float32)
    norm_at = lambda a: gradient.input_gradient_norm(lambda x: a * flat(x)[:, 0], jnp.ones((2, 3)))

    @compiled
    def run(scales, a):
        critic = lambda x: jnp.sum(flat(x), axis=1) * scales
        norms = gradient.input_gradient_norm(critic, jnp.zeros((6, 3, 3), jnp.float32))
        return norms, jax.grad(lambda a: jnp.sum(norm_at(a)))(a)

    norms, slope = run(scales, np.float32(0.0))
    np.testing.assert_allclose(norms, 3 * scales, rtol=1e-6)
    assert float(slope) == 0.0
    np.testing.assert_allclose(run(scales, np.float32(-2.0))[1], -2.0)


def test_interpolates_lie_between_and_depend_on_their_own_key():
    real, fake = draw(1, B, *SHAPE), draw(2, B, *SHAPE)
    between = compiled(gradient.interpolates)
    x = np.asarray(between(real, fake, KEYS))
    share = flat(x - fake) / flat(real - fake)
    np.testing.assert_allclose(share, np.broadcast_to(share[:, :1], share.shape), atol=1e-3)
    assert len(np.unique(np.round(share[:, 0], 3))) == B
    assert float(share.min()) >= -1e-3
    assert float(share.max()) <= 1 + 1e-3
    np.testing.assert_array_equal(np.asarray(between(real, fake, KEYS[::-1]))[0] == x[0], False)
    np.testing.assert_array_equal(between(real, real, KEYS), real)
    ones, keys = np.ones((4000, 1), np.float32), jax.random.split(jax.random.key(0), 4000)
    many = np.asarray(between(ones, 0 * ones, keys))
    assert abs(many.mean() - 0.5) < 5 / np.sqrt(12 * 4000)


def test_dragan_looks_half_a_standard_deviation_around_the_data():
    seen = []

    def critic(x):
        jax.debug.callback(seen.append, jax.lax.stop_gradient(x))
        return jnp.sum(flat(x), axis=1)

    real = 3 + 2 * draw(1, B, *SHAPE)
    jax.block_until_ready(compiled(lambda real: gradient.dragan(critic, real, KEYS, scale=0.5))(real))
    jax.effects_barrier()
    share = (np.asarray(seen[0]) - real) / (0.5 * real.std())
    assert share.min() > -1e-5
    assert share.max() < 1 + 1e-5
    assert abs(share.mean() - 0.5) < 5 / np.sqrt(12 * share.size)


def test_lecam_by_hand_and_as_the_released_code():
    @compiled
    def run(real, fake, memory):
        both = [lecam.lecam(real, fake, memory, one_sided=one_sided) for one_sided in (False, True)]
        slope = jax.grad(lambda r: jnp.sum(lecam.lecam(r, fake, memory)))(real)
        return both, lecam.follow(real, fake, memory, decay=0.75), slope

    fake, memory = np.float32([-3.0, 0.5]), {"real": np.float32(1.0), "fake": np.float32(-2.0)}
    both, _, _ = run(np.float32([2.0, -1.0]), fake, memory)
    np.testing.assert_allclose(both, [[16 + 16, 1 + 0.25]] * 2)
    real = np.float32([-4.0, -1.0])  # below the average fake: only the paper's formula minds
    both, after, slope = run(real, fake, memory)
    np.testing.assert_allclose(both, [[4 + 16, 1 + 0.25], [0 + 16, 1 + 0.25]])
    np.testing.assert_allclose([after["real"], after["fake"]], [0.75 - 0.25 * 2.5, -1.5 - 0.25 * 1.25])
    np.testing.assert_allclose(slope, 2 * (real + 2))
    assert [float(a) for a in lecam.start({}).values()] == [0.0, 0.0]


def test_augmentation_shifts_by_whole_pixels_with_reflection():
    x = draw(3, 80, 6, 7, 1)
    keys = jax.random.split(jax.random.key(0), 80)
    augment = lambda x, keys: [consistency.augment(x, keys, shift=2, flip=flip) for flip in (False, True)]
    for flips, augmented in zip(({0}, {0, 1}), compiled(augment)(x, keys), strict=True):
        found = []
        for before, after in zip(x, np.asarray(augmented), strict=True):
            padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="reflect")
            windows = {(i, j): padded[i : i + 6, j : j + 7] for i in range(5) for j in range(5)}
            matches = [
                (i, j, m)
                for (i, j), w in windows.items()
                for m in (0, 1)
                if np.array_equal(w[:, ::-1] if m else w, after)
            ]
            assert len(matches) == 1
            found += matches
        assert {i for i, _, _ in found} == {j for _, j, _ in found} == set(range(5))
        assert {m for _, _, m in found} == flips


def test_bcr_is_zero_where_nothing_changes_and_else_the_squared_difference():
    w, real, fake = draw(0, *SHAPE), draw(1, B, *SHAPE), draw(2, B, *SHAPE)
    even = np.broadcast_to(draw(3, B, 1, 1, 2), (B, *SHAPE))  # an image of one colour looks the same when shifted
    critic = lambda x: flat(x) @ w.reshape(-1)
    symmetric = lambda x: critic(x) + critic(x[:, :, ::-1])

    @compiled
    def run(real, fake, even):
        pairs = jax.vmap(jax.random.split)(KEYS)
        gaps = [
            critic(x) - critic(consistency.augment(x, k, shift=1))
            for x, k in ((real, pairs[:, 0]), (fake, pairs[:, 1]))
        ]
        return (
            consistency.bcr(critic, real, fake, KEYS, shift=0),
            consistency.bcr(critic, even, even, KEYS, flip=True),
            consistency.bcr(symmetric, real, fake, KEYS, shift=0, flip=True),
            consistency.bcr(critic, real, fake, KEYS, shift=1),
            gaps,
        )

    unchanged, of_even, of_symmetric, shifted, gaps = run(real, fake, even)
    np.testing.assert_array_equal(unchanged, 0)
    np.testing.assert_allclose(of_even, 0, atol=1e-9)
    np.testing.assert_allclose(of_symmetric, 0, atol=1e-9)
    np.testing.assert_allclose(shifted, np.square(gaps).sum(axis=0), rtol=1e-5)


def test_zcr_on_linear_networks():
    """G(z) = A z and critic w.x: the changes are w.A e and A e, with e the noise."""
    a, w, z = draw(0, 3, 7), draw(1, 7), draw(2, B, 3)
    generate, critic = (lambda z: z @ a), (lambda x: x @ w)

    @compiled
    def run(z, many):
        return (
            consistency.perturb(jnp.zeros((B, 3)), KEYS, 0.1),
            consistency.zcr(critic, generate, z, KEYS, noise=0.1),
            consistency.zcr_generator(generate, z, KEYS, noise=0.1),
            consistency.zcr(critic, generate, z, KEYS, noise=0.0),
            consistency.perturb(jnp.zeros((5000, 2)), many, 0.03),
        )

    e, of_critic, of_generator, without, many = map(np.asarray, run(z, jax.random.split(jax.random.key(1), 5000)))
    np.testing.assert_allclose(of_critic, np.square(e @ a @ w), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(of_generator, -np.sum(np.square(e @ a), axis=1), rtol=1e-3)
    np.testing.assert_array_equal(without, 0)
    assert abs(many.std() / 0.03 - 1) < 5 / np.sqrt(2 * 10_000)


def test_orthogonal_by_hand():
    kernel = np.float32([[1.0, 1.0], [0.0, 0.0]])  # W^T W is all ones: two entries off the diagonal
    ones, twice = np.ones((2,), np.float32), 2 * np.eye(3, dtype=np.float32)
    filters = draw(0, 3, 3, 2, 4)
    params = {"a": {"kernel": kernel, "bias": ones}, "b": {"scale": np.ones((2, 2), np.float32)}}

    @compiled
    def run(params, twice, filters):
        orthogonal = parameters.orthogonal
        return (
            orthogonal(params), orthogonal(params, unit_norm=True),
            orthogonal({"a": {"kernel": twice}}), orthogonal({"a": {"kernel": twice}}, unit_norm=True),
            orthogonal({"a": {"bias": twice[0]}}), orthogonal({}), orthogonal({"c": {"kernel": filters}}),
        )  # fmt: skip

    *exact, of_filters = run(params, twice, filters)
    assert [float(value) for value in exact] == [2.0, 2.0, 0.0, 27.0, 0.0, 0.0]
    gram = filters.reshape(18, 4).T @ filters.reshape(18, 4)
    np.testing.assert_allclose(of_filters, np.sum(np.square(gram - np.diag(np.diag(gram)))), rtol=1e-5)


def test_orthogonal_derivative_is_the_one_of_its_formula():
    w = draw(0, 5, 3)
    got = compiled(jax.grad(lambda w: parameters.orthogonal({"kernel": w})))(w)
    np.testing.assert_allclose(got, 4 * w @ ((w.T @ w) * (1 - np.eye(3))), rtol=1e-4, atol=1e-5)


def test_historical_averaging_follows_the_mean_of_the_past():
    history = [{"w": draw(i, 3), "b": draw(i + 10)} for i in range(4)]
    memory = parameters.start(history[0])

    @compiled
    def run(now, memory):
        return jax.value_and_grad(parameters.historical_averaging)(now, memory), parameters.follow(now, memory)

    for i, now in enumerate(history):
        past = history[: max(i, 1)]
        mean = jax.tree.map(lambda *a: np.mean(np.stack(a), axis=0), *past)
        want = sum(np.sum(np.square(now[k] - mean[k])) for k in now)
        (value, slope), memory = run(now, memory)
        np.testing.assert_allclose(value, want, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(slope["w"], 2 * (now["w"] - mean["w"]), rtol=1e-4, atol=1e-6)
        assert i > 0 or float(value) == np.abs(slope["w"]).max() == 0.0
    assert float(memory["count"]) == 4.0


def test_feature_matching_of_shifted_data_is_the_squared_shift():
    w, real, shift = draw(0, 4, 3), draw(1, B, 4), draw(2, 1, 4)

    @compiled
    def run(real, fake, zero):
        matching = lambda real, fake: feature_matching.feature_matching(lambda x: x @ w, real, fake)
        return matching(real, fake), jax.grad(matching)(real, zero), jax.grad(matching, 1)(zero, real)

    value, of_real, of_fake = run(real, real + shift, np.zeros((B, 4), np.float32))
    np.testing.assert_allclose(value, np.sum(np.square(shift @ w)), rtol=1e-4)
    np.testing.assert_array_equal(of_real, 0)  # the data's features are constants
    want = np.broadcast_to(2 / B * (np.mean(real, axis=0) @ w) @ w.T, (B, 4))
    np.testing.assert_allclose(of_fake, want, rtol=1e-4, atol=1e-6)


def test_numbers_are_added_up_in_single_precision():
    squares = compiled(batch.squares)(jnp.ones((2, 1000), jnp.bfloat16))
    np.testing.assert_array_equal(squares, [1000.0, 1000.0])
    assert squares.dtype == jnp.float32
