"""The keyed bijection: a permutation, without bias, the same everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gan_jax.data.shuffle import epoch_order, epoch_order_on_host

on_device = jax.jit(epoch_order, static_argnums=2)


@settings(max_examples=200, deadline=None)
@given(n=st.integers(1, 5000), seed=st.integers(0, 2**31 - 1), epoch=st.integers(0, 50))
def test_every_epoch_visits_every_index_once(n, seed, epoch):
    order = epoch_order_on_host(jax.random.key(seed), np.arange(epoch * n, (epoch + 1) * n), n)
    assert np.array_equal(np.sort(order), np.arange(n))


@pytest.mark.parametrize("n", [1, 2, 5, 16, 17, 60000])
def test_an_epoch_is_a_bijection(n):
    order = on_device(jax.random.key(n), np.arange(n), n)
    assert order.dtype == np.int32
    assert np.array_equal(np.sort(order), np.arange(n))


@pytest.mark.parametrize("n", [1, 2, 7, 1797, 60000])
def test_host_and_device_agree(n):
    key, position = jax.random.key(5), np.arange(3 * n - 2, 3 * n + 40)
    assert np.array_equal(on_device(key, position.astype(np.int32), n), epoch_order_on_host(key, position, n))


@pytest.mark.parametrize("middle", [2**31, 2**32])
def test_position_beyond_int32(middle):
    n, key = 60000, jax.random.key(2)
    position = np.arange(middle - 20, middle + 20) % 2**32
    expected = epoch_order_on_host(key, position, n)
    assert np.array_equal(on_device(key, position.astype(np.uint32), n), expected)
    assert np.array_equal(on_device(key, position.astype(np.uint32).view(np.int32), n), expected)


def test_differs_by_key_and_by_epoch():
    n = 1000
    first = epoch_order_on_host(jax.random.key(0), np.arange(2 * n), n)
    other_key = epoch_order_on_host(jax.random.key(1), np.arange(n), n)
    # Two independent permutations agree at one place on average.
    assert np.sum(first[:n] == first[n:]) < 10
    assert np.sum(first[:n] == other_key) < 10


def test_works_under_vmap_over_keys():
    n, keys = 37, jax.random.split(jax.random.key(0), 5)
    # As runs in one program, each of which is at a step of its own.
    position = np.arange(5, dtype=np.int32)[:, None] * 31 + np.arange(2 * n, dtype=np.int32)
    together = jax.jit(jax.vmap(lambda key, position: epoch_order(key, position, n)))(keys, position)
    alone = [epoch_order_on_host(keys[i], own, n) for i, own in enumerate(position)]
    assert np.array_equal(together, np.stack(alone))


@pytest.mark.parametrize("n", [3, 100])
def test_each_index_goes_everywhere_equally_often(n):
    keys = jax.random.split(jax.random.key(7), 20000)
    where = np.asarray(jax.jit(jax.vmap(lambda key: epoch_order(key, jnp.array([0, n - 1]), n)))(keys))
    for column in where.T:
        assert stats.chisquare(np.bincount(column, minlength=n)).pvalue > 1e-4


def test_neighbours_are_torn_apart_evenly():
    n = 60000
    order = epoch_order_on_host(jax.random.key(11), np.arange(n), n)
    steps = np.diff(order) % n
    assert stats.chisquare(np.bincount(steps * 64 // n, minlength=64)).pvalue > 1e-4
    # A batch of 100 from one epoch covers the range evenly.
    assert stats.chisquare(np.bincount(order[:6000] * 50 // n, minlength=50)).pvalue > 1e-4


@pytest.mark.parametrize("n", [0, -3, 2**31])
def test_impossible_size(n):
    with pytest.raises(ValueError, match="between 1 and"):
        epoch_order(jax.random.key(0), jnp.arange(1), n)
