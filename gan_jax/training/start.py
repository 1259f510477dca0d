"""How a run begins: from nothing, from another run's networks, or from its own newest checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.configured import build_terms
from gan_jax.data import Source
from gan_jax.errors import ConfigError, GanJaxError, WorkdirError
from gan_jax.game import Game, Term, data_rounds, forward
from gan_jax.move import to_draw
from gan_jax.paths import expanded
from gan_jax.registry import describe, is_reference, roles_of
from gan_jax.returned import difference, in_words, is_float
from gan_jax.stored import reason_of
from gan_jax.training.checkpoints import read_checkpoint, unflatten_like
from gan_jax.training.process import check_settings
from gan_jax.training.sampling import specs_of
from gan_jax.training.step import State, init_state, make_step


def initial_state(config: ConfigDict, game: Game, hyper: Mapping[str, float], say: Callable[[str], None]) -> State:
    """The state at step 0, with the networks of ``init_from`` where that is set.

    Args:
      config: the configuration.
      game: its game.
      hyper: its numbers.
      say: prints a line.

    Raises:
      ConfigError: a network refuses its options or the data's shape; init_from names no run, or one whose networks do
        not fit.
    """
    try:
        state = init_state(game, jax.random.key(config.seed), hyper, ema=config.ema.decay > 0)
    except (GanJaxError, jax.errors.JaxRuntimeError):
        raise
    except Exception as error:  # a network, perhaps a user's, may raise anything
        raise ConfigError(_refusal(config, game, error)) from error
    return _fine_tune(state, config.init_from, say) if config.init_from else state


def _refusal(config: ConfigDict, game: Game, error: Exception) -> str:
    """Which network raised an error when it was initialized, and what it said, in one line."""
    said = str(error) if type(error) is ValueError else describe(error)
    for name, network in game.networks.items():
        inputs = [jax.ShapeDtypeStruct((2, *spec.shape), spec.dtype) for spec in game.inputs[name]]
        try:
            with jax.numpy_dtype_promotion("standard"):
                jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)), *inputs)
        except Exception:
            given = f"network {name!r}"
            if name in config:
                own = is_reference(config[name].name)
                given = f"{name}.name={config[name].name!r}" if own else f"{name}.{config[name].name}"
            return f"{given}: {' '.join(said.split())}"
    return " ".join(said.split())


def check_components(config: ConfigDict, game: Game, source: Source, state: State) -> None:
    """Trace one step and one sample of a game with a user's own parts, before anything is written.

    JAX's settings are looked at, too.

    Args:
      config: the configuration; one with registered parts only is not traced.
      game: its game.
      source: its data.
      state: at step 0.

    Raises:
      ConfigError: a setting changes every number; a part raises (names file and line where it is a user's), or what it
        returns has another shape or type: samples, logits, losses, penalties, metrics, a state that the next step could
        not take.
    """
    check_settings()
    if "image" in source.features:
        check_examples_apart(build_terms(config, source.features["image"].shape)["discriminator"], state)
    own = [s for s in ("game", "loss", *roles_of(config.game.name), "rule") if is_reference(config[s].name)]
    named = ", ".join(f"{section}.name={config[section].name!r}" for section in own)
    if config.penalties.own.weight > 0:
        own.append("penalties.own")
        named = ", ".join(filter(None, (named, f"penalties.own.name={config.penalties.own.name!r}")))
    if not own:
        return
    lead = (len(data_rounds(game)), config.batch_size)
    batch = {
        name: jax.ShapeDtypeStruct((*lead, *feature.shape), feature.dtype) for name, feature in source.features.items()
    }
    try:
        for name in game.outputs:
            _check_output(named, game, name, source, state)
        if config.game.name == "gan":
            _check_logits(config, game, state)
        made, metrics = jax.eval_shape(make_step(game, local_batch=config.batch_size), state, batch)
    except GanJaxError:
        raise
    except Exception as error:  # a user's code may raise anything
        raise ConfigError(f"{named}: {describe(error)}") from error
    for name, value in metrics.items():
        if not is_float(value, ()):
            raise ConfigError(f"{named}: the metric {name} is {in_words(value)}; allowed: a float scalar")
    if differs := difference(made, state):  # the next step could not take it
        raise ConfigError(f"{named}: after a step of the game {differs}")


def _check_output(named: str, game: Game, name: str, source: Source, state: State) -> None:
    """Refuse an output that is not like what it imitates."""
    output = game.outputs[name]
    for feature in (*output.reads, *([output.like] if output.like else [])):
        if feature not in source.features:
            raise ConfigError(
                f"{named}: output {name!r} names the feature {feature!r}; the data have {', '.join(source.features)}"
            )
    given = specs_of(source, output.reads, 2)
    x = jax.eval_shape(
        lambda params, stats, given: output.draw(to_draw(game, params, stats, jax.random.key(0), 2, given), 2),
        state.params, state.stats, given,
    )  # fmt: skip
    shape = x.shape if output.like is None else (2, *source.features[output.like].shape)
    if not is_float(x, shape):
        raise ConfigError(f"{named}: 2 samples of output {name!r} are {in_words(x)}; allowed: float of shape {shape}")


def _check_logits(config: ConfigDict, game: Game, state: State) -> None:
    """Refuse a discriminator that returns something else than one logit for each example, or a map of them."""
    packs = config.batch_size // game.group
    (spec,), name = game.inputs["discriminator"], "discriminator"
    logits = jax.eval_shape(
        lambda params, stats, x, key: forward(
            game.networks[name], params, stats, x, train=True, keys=jax.random.split(key, packs)
        )[0],
        state.params[name], state.stats[name], jax.ShapeDtypeStruct((packs, *spec.shape), spec.dtype), state.key,
    )  # fmt: skip
    shape = getattr(logits, "shape", ())
    if not is_float(logits, (packs,), (packs, *shape[1:]) if len(shape) == 3 else (packs,)):
        raise ConfigError(
            f"discriminator.name={config.discriminator.name!r} returns {in_words(logits)} for {packs} examples; "
            f"allowed: one logit per example, float of shape {(packs,)}, or a map of them [{packs}, h, w]"
        )


def check_examples_apart(terms: Sequence[Term], state: State) -> None:
    """Refuse a penalty of one example's gradient where a user's discriminator turns out to take batch statistics.

    Args:
      terms: the discriminator's penalties.
      state: at step 0.

    Raises:
      ConfigError: names the penalty.
    """
    found = [term.name for term in terms if term.penalty.per_example]
    if found and "batch_stats" in state.stats.get("discriminator", {}):
        raise ConfigError(
            f"penalties.{found[0]} takes the gradient of one example's logit, and this discriminator, which has batch "
            f"statistics, mixes examples; allowed: penalties.{found[0]}.weight=0, or a discriminator without them"
        )


def read_config(workdir: Path, *, missing_ok: bool = False) -> ConfigDict | None:
    """The configuration that a work directory stores.

    Raises:
      WorkdirError: there is none (unless ``missing_ok``), or it cannot be read.
    """
    path = workdir / "config.json"
    try:
        return configs.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if missing_ok:
            return None
        if (workdir / "sweep.json").exists():
            said = f"holds a sweep, not a run; give the --workdir of one of its runs, {workdir / 'runs' / 'NAME'}"
        else:
            said = "holds no run: there is no config.json; give the --workdir of a `gan-jax train`"
        raise WorkdirError(f"{str(workdir)!r} {said}") from None
    except (OSError, ConfigError, UnicodeDecodeError) as error:
        raise WorkdirError(f"{path} cannot be read: {reason_of(error)}") from error


def checkpoint_at(path: str | Path) -> tuple[Path, str]:
    """Split init_from, WORKDIR or WORKDIR/checkpoints/STEP, into (work directory, "latest" or step)."""
    path = expanded("init_from", path)
    if path.parent.name == "checkpoints" and path.name.isdigit():
        return path.parent.parent, path.name
    return path, "latest"


def _fine_tune(state: State, source: str, say: Callable[[str], None]) -> State:
    workdir, checkpoint = checkpoint_at(source)
    try:
        step, leaves = read_checkpoint(workdir, checkpoint)
    except (WorkdirError, ConfigError) as error:
        raise ConfigError(f"init_from={source!r}: {error}") from error
    there = {name.split("/")[1] for name in leaves if name.startswith("params/")}
    taken = sorted(there & set(state.params))
    if not taken:
        raise ConfigError(
            f"init_from={source!r} has the networks {', '.join(sorted(there))}; "
            f"allowed: one of {', '.join(sorted(state.params))}"
        )
    parts = {}
    for part in ("params", "stats"):
        networks = dict(getattr(state, part))
        for name in taken:
            prefix = f"{part}/{name}/"
            own = {leaf.removeprefix(prefix): value for leaf, value in leaves.items() if leaf.startswith(prefix)}
            try:
                networks[name] = jax.tree.map(jax.numpy.asarray, unflatten_like(networks[name], own))
            except WorkdirError as error:
                raise ConfigError(f"init_from={source!r}, {part} of network {name!r}: {error}") from error
        parts[part] = networks
    fresh = sorted(set(state.params) - there)
    say(
        f"networks of {source} at step {step:,}: {', '.join(taken)}" + (f"; fresh: {', '.join(fresh)}" if fresh else "")
    )
    ema = {name: jax.tree.map(jax.numpy.copy, parts["params"][name]) for name in state.ema}
    return state.replace(ema=ema, **parts)
