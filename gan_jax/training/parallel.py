"""The program that trains: a mapped primitive over devices, of an optional ``vmap`` over runs, of a loop of steps.

``jax.pmap`` is the data-parallel map, named only here; ``jax.shard_map`` is the alternative that a configuration can
choose. The state and resident data of one run are replicated, plain arrays without a device axis, on one mesh of all
devices; of runs that share a program, the leaves of the state have the axes [devices, width].
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from gan_jax.data import Source
from gan_jax.game import STREAMS, Game, Metrics, data_rounds
from gan_jax.threefry import fast
from gan_jax.training.state import State
from gan_jax.training.step import Batch, StepFn

AXIS = "batch"
STREAM_BYTES_PER_CALL = 64 * 2**20


class Program(NamedTuple):
    """A compiled program of one or several runs, and how their states lie in it: all that the host loop knows of it."""

    call: Callable[[State, int], tuple[State, Any]]  # of so many steps; with (metrics, alive, first bad step) [runs]
    place: Callable[[State], State]  # a state as it is saved -> the same for ``call``
    saved: Callable[[State], State]  # the inverse
    each: Callable[[State], Sequence[State]]  # the state of each run
    without: Callable[[State, Sequence[int]], State]  # the state in which these runs have ended
    most: int | None = None  # steps that one call can take


def of_one(program: Any, mesh: Mesh, arrays: Mapping[str, jax.Array], stream: "Stream | None") -> Program:
    """One run, whose minibatches all devices share."""

    def call(state: State, length: int) -> tuple[State, Any]:
        streamed = stream.take(length) if stream else {}
        state, measured = program(state, arrays, streamed, replicate(np.int32(length), mesh))
        # Waits: CPU devices hang if the host runs ahead of them.
        return state, fetch((measured, state.alive, state.first_bad_step))

    alone = lambda state, ended: state  # nobody is left
    most = stream.chunk if stream else None
    return Program(call, lambda state: replicate(state, mesh), local, lambda state: [local(state)], alone, most)


def of_many(program: Any, mesh: Mesh, arrays: Mapping[str, jax.Array], runs: int, width: int) -> Program:
    """Runs side by side, ``width`` on each device; states are saved with leaves [runs, ...]."""

    def call(state: State, length: int) -> tuple[State, Any]:
        state, measured = program(state, arrays, replicate(np.int32(length), mesh))
        fetched = jax.tree.map(np.asarray, (measured, state.alive, state.first_bad_step))
        return state, jax.tree.map(np.ravel, fetched)

    def without(state: State, ended: Sequence[int]) -> State:
        alive = np.array(state.alive)
        alive.reshape(-1)[list(ended)] = False
        return state.replace(alive=split_runs(alive, mesh))

    def each(state: State) -> list[State]:
        host = unpadded(state, runs)
        return [jax.tree.map(itemgetter(index), host) for index in range(runs)]

    return Program(
        call, lambda state: split_runs(padded(state, mesh.devices.size, width), mesh), partial(unpadded, runs=runs),
        each, without,
    )  # fmt: skip


def device_mesh(devices: Sequence[jax.Device]) -> Mesh:
    """One axis named ``AXIS`` over ``devices``."""
    return Mesh(np.asarray(devices), (AXIS,))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Copy host or device arrays, the same on every process, to every device of the mesh."""
    # Before the first call, so that the first and the later calls share one compiled program.
    return _placed(tree, NamedSharding(mesh, PartitionSpec()))


def local(tree: Any) -> Any:
    """The first local copy of replicated arrays, on one device, without a transfer."""
    return _on_data(lambda x: x.addressable_data(0), tree)


def fetch(tree: Any) -> Any:
    """Host copies [1] of replicated device scalars: the only transfer from the device between a run's events."""
    return jax.tree.map(lambda x: np.asarray(x.addressable_data(0))[None], tree)


def shard_stream(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Split a chunk of streamed minibatches over the devices.

    Leaves [chunk, rounds, this process's part of the batch, ...] become [devices, chunk, rounds, local_batch, ...].
    """
    mine = sum(d.process_index == jax.process_index() for d in mesh.devices.flat)
    sharding = NamedSharding(mesh, PartitionSpec(AXIS))

    def place(x: np.ndarray) -> jax.Array:
        chunk, rounds, size = x.shape[:3]
        split = x.reshape(chunk, rounds, mine, size // mine, *x.shape[3:])
        return jax.make_array_from_process_local_data(sharding, np.moveaxis(split, 2, 0))

    return {name: place(x) for name, x in batch.items()}


class Stream:
    """Chunks of streamed minibatches, placed on the devices, from ``step`` on."""

    def __init__(self, config: ConfigDict, game: Game, source: Source, step: int, mesh: Mesh) -> None:
        self.rounds, self.mesh = len(data_rounds(game)), mesh
        size = sum(math.prod(one.shape) for one in source.features.values()) * config.batch_size * self.rounds
        self.chunk = max(1, min(32, STREAM_BYTES_PER_CALL // size))
        share = config.batch_size // jax.process_count()
        mine = slice(jax.process_index() * share, (jax.process_index() + 1) * share)
        key = jax.random.fold_in(jax.random.key(config.seed), STREAMS["data"])
        assert source.stream is not None
        self._batches: Iterator[Mapping[str, np.ndarray]] = iter(
            source.stream(key, step * self.rounds * config.batch_size, config.batch_size, mine)
        )

    def take(self, length: int) -> dict[str, jax.Array]:
        """The next ``length`` steps' minibatches, padded with zeros to ``chunk`` steps: one program serves all."""
        batches = [next(self._batches) for _ in range(length * self.rounds)]
        whole = {}
        for name in batches[0]:
            stacked = np.stack([batch[name] for batch in batches]).reshape(length, self.rounds, *batches[0][name].shape)
            whole[name] = np.concatenate([stacked, np.zeros((self.chunk - length, *stacked.shape[1:]), stacked.dtype)])
        return shard_stream(whole, self.mesh)


def make_loop(
    step: StepFn, fetch: Any, *, rounds: int, local_batch: int, batch_size: int, axis_name: str | None,
    streamed: bool = False,
) -> Any:  # fmt: skip
    """A loop of steps for one device and one run: ``loop(state, arrays, stream, count) -> (state, last metrics)``.

    ``fetch(arrays, key, position [B])`` makes a minibatch of a resident or sampled source, ``fetch(raw)`` one of a
    streamed one, which comes from the host as leaves [chunk, rounds, local_batch, ...]. ``batch_size`` is that of all
    devices, ``rounds`` those of a step that read data. ``count`` is traced: one program serves every length. The
    metrics are those of the last step that began with a finite state, so that after a failure they show it.
    """

    def batch_at(state: State, arrays: Mapping[str, jax.Array], stream: Batch, index: jax.Array) -> Batch:
        if rounds == 0:
            return {}
        if streamed:
            raw = {name: jax.lax.dynamic_index_in_dim(x, index, 0, keepdims=False) for name, x in stream.items()}
            flat = fetch({name: x.reshape(rounds * local_batch, *x.shape[2:]) for name, x in raw.items()})
            return {name: x.reshape(rounds, local_batch, *x.shape[1:]) for name, x in flat.items()}
        device = 0 if axis_name is None else jax.lax.axis_index(axis_name)
        example = device * local_batch + jnp.arange(local_batch, dtype=jnp.int32)
        key = jax.random.fold_in(fast(state.key), STREAMS["data"])
        first = (state.step * rounds + jnp.arange(rounds, dtype=jnp.int32)) * batch_size
        position = first[:, None] + example[None, :]
        flat = fetch(arrays, key, position.reshape(-1))
        return {name: x.reshape(rounds, local_batch, *x.shape[1:]) for name, x in flat.items()}

    # Traced once: first for the shapes of the metrics, then in the loop.
    @partial(jax.jit, inline=True)
    def one(
        state: State, arrays: Mapping[str, jax.Array], stream: Batch, index: jax.Array, count: jax.Array
    ) -> tuple[State, Metrics]:
        return step(state, batch_at(state, arrays, stream, index), index == count - 1)

    def loop(state: State, arrays: Mapping[str, jax.Array], stream: Batch, count: jax.Array) -> tuple[State, Metrics]:
        def body(index: jax.Array, carry: tuple[State, Metrics]) -> tuple[State, Metrics]:
            state, last = carry
            after, measured = one(state, arrays, stream, index, count)
            return after, jax.tree.map(lambda new, old: jnp.where(state.alive, new, old), measured, last)

        first = jnp.int32(0)
        shapes = jax.eval_shape(one, state, arrays, stream, first, count)[1]
        start = jax.tree.map(lambda spec: jnp.zeros(spec.shape, spec.dtype), shapes)
        return jax.lax.fori_loop(first, count, body, (state, start))

    return loop


def make_program(
    loop: Any, mesh: Mesh, *, primitive: str = "pmap", streamed: bool = False
) -> Callable[..., tuple[State, Metrics]]:
    """Compile ``program(state, arrays, stream, count) -> (state, metrics)`` for devices that split the minibatch.

    It donates the state. "pmap" and "shard_map" are equal in values and gradients.
    """
    device_axis = split_runs(np.arange(mesh.devices.size, dtype=np.int32), mesh)
    if primitive == "pmap":

        def mapped(state: State, arrays: Any, stream: Any, count: jax.Array, device: jax.Array) -> Any:
            del device  # pmap needs one mapped argument
            return loop(state, arrays, stream, count)

        axes = (None, None, 0 if streamed else None, None, 0)
        call = jax.pmap(
            mapped, axis_name=AXIS, in_axes=axes, out_axes=(None, None), donate_argnums=0,
            devices=list(mesh.devices.flat),
        )  # fmt: skip
        return lambda state, arrays, stream, count: call(state, arrays, stream, count, device_axis)

    def local_part(state: State, arrays: Any, stream: Any, count: jax.Array) -> Any:
        return loop(state, arrays, jax.tree.map(lambda x: x[0], stream), count)

    everywhere, split = PartitionSpec(), PartitionSpec(AXIS)
    # check_vma=False: with the default, pmean of a gradient comes out multiplied by the number of devices.
    sharded = jax.shard_map(
        local_part,
        mesh=mesh,
        in_specs=(everywhere, everywhere, split if streamed else everywhere, everywhere),
        out_specs=(everywhere, everywhere),
        check_vma=False,
    )
    return jax.jit(sharded, donate_argnums=0)


def make_program_of_runs(loop: Any, mesh: Mesh, width: int) -> Callable[..., tuple[State, Metrics]]:
    """Compile a loop for runs that share a program: ``program(state, arrays, count) -> (state, metrics)``.

    Devices carry runs and not parts of a minibatch, so nothing is averaged over them. It donates the state, whose
    leaves are [devices, width, ...]; one run a device has no ``vmap``.
    """
    together = jax.vmap(loop, in_axes=(0, None, None, None))

    def carried(state: State, arrays: Any, count: jax.Array) -> tuple[State, Metrics]:
        if width > 1:
            return together(state, arrays, {}, count)
        ended = loop(jax.tree.map(lambda x: x[0], state), arrays, {}, count)
        return jax.tree.map(lambda x: x[None], ended)

    return jax.pmap(carried, axis_name=AXIS, in_axes=(0, None, None), donate_argnums=0, devices=list(mesh.devices.flat))


def split_runs(tree: Any, mesh: Mesh) -> Any:
    """Place host arrays [devices, width, ...], the first axis over the devices."""
    return _placed(tree, NamedSharding(mesh, PartitionSpec(AXIS)))


def side_by_side(states: Sequence[State]) -> State:
    """Host states of runs as one with leaves [runs, ...]."""
    return on_leaves(lambda *leaves: np.stack(leaves), *states)


def padded(state: State, devices: int, width: int) -> State:
    """A host state with leaves [runs, ...] as [devices, width, ...]; missing runs are dead copies of the last."""
    missing = devices * width - len(state.alive)

    def pad(x: np.ndarray) -> np.ndarray:
        return np.concatenate([x, np.repeat(x[-1:], missing, axis=0)]).reshape(devices, width, *x.shape[1:])

    alive = np.concatenate([state.alive, np.zeros(missing, np.bool_)]).reshape(devices, width)
    return on_leaves(pad, state).replace(alive=alive)


def unpadded(state: State, runs: int) -> State:
    """Host copies of the leaves [devices, width, ...] of a placed state, as [runs, ...]."""
    # np.array and not np.asarray: on CPUs the latter may be a view of a buffer that the next call is going to reuse.
    return on_leaves(lambda x: np.array(x).reshape(-1, *x.shape[2:])[:runs], state)


def on_leaves(function: Callable[..., np.ndarray], *trees: Any) -> Any:
    """``function`` of the leaves as host arrays; of typed keys, of their data."""
    return _on_data(lambda *leaves: function(*map(np.asarray, leaves)), *trees)


def _placed(tree: Any, sharding: NamedSharding) -> Any:
    def place(x: Any) -> jax.Array:
        host = np.asarray(x)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    return _on_data(place, tree)


def _on_data(function: Callable[..., Any], *trees: Any) -> Any:
    def apply(*leaves: Any) -> Any:
        if not jax.dtypes.issubdtype(getattr(leaves[0], "dtype", None), jax.dtypes.prng_key):
            return function(*leaves)
        data = function(*map(jax.random.key_data, leaves))
        data = jnp.asarray(data) if isinstance(data, np.ndarray) else data
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaves[0]))

    return jax.tree.map(apply, *trees)
