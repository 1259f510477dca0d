"""What is refused before a run writes anything: parts that do not work, data or a directory that are another run's."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.build import build_source
from gan_jax.configured import build_terms
from gan_jax.data import Feature, Source, joined
from gan_jax.data.source import PIXELS
from gan_jax.errors import ConfigError, GanJaxError, WorkdirError
from gan_jax.game import Game, Term, data_rounds, forward, image_of
from gan_jax.idle import idle_in
from gan_jax.move import to_draw
from gan_jax.optimizers import BY_STEP
from gan_jax.registry import describe, is_reference, roles_of
from gan_jax.returned import difference, in_words, is_float
from gan_jax.stored import read_object, write_object
from gan_jax.training.checkpoints import stored_steps
from gan_jax.training.process import check_settings, differing
from gan_jax.training.records import grids, read_metrics, stored_config
from gan_jax.training.sampling import specs_of
from gan_jax.training.state import State
from gan_jax.training.step import make_step

DATA = "data.json"
FILES = ("metrics.jsonl", "evaluation.jsonl", "result.json", "environment.json", DATA)


def check_components(config: ConfigDict, game: Game, source: Source, state: State) -> None:
    """Refuse settings of JAX that change every number; trace a step and samples of a game with a user's own parts.

    Raises:
      ConfigError: a part raises (names file and line where it is a user's), or what it returns has another shape or
        type: samples, logits, losses, penalties, metrics, a state that the next step could not take.
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
        for name in game.scores:
            _check_score(named, game, name, source, state)
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
    made = jax.eval_shape(
        lambda params, stats, given: output.draw(to_draw(game, params, stats, jax.random.key(0), 2, given), 2),
        state.params, state.stats, given,
    )  # fmt: skip
    x = image_of(made)
    shape = x.shape if output.like is None else (2, *source.features[output.like].shape)
    if not is_float(x, shape):
        raise ConfigError(f"{named}: 2 samples of output {name!r} are {in_words(x)}; allowed: float of shape {shape}")
    for code, value in made.items() if isinstance(made, Mapping) else ():
        if value.shape[:1] != (2,):
            raise ConfigError(
                f"{named}: {code!r} of 2 samples of output {name!r} is {in_words(value)}; allowed: one row for each"
            )


def _check_score(named: str, game: Game, name: str, source: Source, state: State) -> None:
    """Refuse a score that is not a number for each example."""
    score = game.scores[name]
    if missing := [feature for feature in score.reads if feature not in source.features]:
        raise ConfigError(
            f"{named}: score {name!r} names the feature {missing[0]!r}; the data have {', '.join(source.features)}"
        )
    made = jax.eval_shape(
        lambda params, stats, batch: score.of(to_draw(game, params, stats, jax.random.key(0), 2, batch, train=False)),
        state.params, state.stats, specs_of(source, score.reads, 2),
    )  # fmt: skip
    if not is_float(made, (2,)):
        raise ConfigError(f"{named}: score {name!r} of 2 examples is {in_words(made)}; allowed: float of shape (2,)")


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
    """Refuse a penalty of one example's gradient where a user's discriminator turns out to take batch statistics."""
    found = [term.name for term in terms if term.penalty.per_example]
    if found and "batch_stats" in state.stats.get("discriminator", {}):
        raise ConfigError(
            f"penalties.{found[0]} takes the gradient of one example's logit, and this discriminator, which has batch "
            f"statistics, mixes examples; allowed: penalties.{found[0]}.weight=0, or a discriminator without them"
        )


def check_workdir(workdir: Path, config: ConfigDict, source: Source) -> list[str]:
    """Refuse a work directory in which this run would lose something, or go on as another one.

    Nothing was written yet. Returns lines to say of what goes on, but not as one might think.
    """
    stored = stored_config(workdir)
    if stored is None:
        _check_no_files(workdir)
        return []
    lines = _check_config(workdir, stored, config)
    check_data(workdir, source)
    return [*lines, *_other_rounding(workdir)] if stored_steps(workdir) else _without_checkpoints(workdir, stored)


def _check_no_files(workdir: Path) -> None:
    found = [name for name in FILES if (workdir / name).exists()]
    found += [path.name for path in workdir.glob("events.out.tfevents.*")]
    found += ["samples"] if grids(workdir) else []
    found += [name for name in ("checkpoints", "best") if any(p.name.isdigit() for p in (workdir / name).glob("*"))]
    if found:
        raise ConfigError(
            f"work directory {str(workdir)!r} has no config.json and so holds no run, but {', '.join(found)}, which "
            "training would overwrite; allowed: another --workdir, or these moved away"
        )


def _check_config(workdir: Path, stored: ConfigDict, config: ConfigDict) -> list[str]:
    """``steps`` may grow, and how a run is evaluated and watched may change: that does not touch what is trained."""
    idle = idle_in(configs.flatten(config))  # an option that is not read makes no difference
    differing = {field: v for field, v in configs.difference(stored, config).items() if field not in idle}
    changed = {field: values for field, values in differing.items() if not field.startswith(("evaluation.", "health."))}
    longer = "steps" in changed and changed["steps"][1] > changed["steps"][0]
    if longer:
        changed.pop("steps")
    if changed:
        shown = ", ".join(f"{name}: {old!r} there, {new!r} now" for name, (old, new) in changed.items())
        raise ConfigError(
            f"work directory {str(workdir)!r} holds a run of another configuration ({shown}); "
            "allowed: the same, or more steps, or other evaluations"
        )
    following = list(_following_the_length(config)) if longer else []
    if not following:
        return []
    return [
        f"{', '.join(following)}: what follows the length of the run jumps at the change from steps={stored.steps} to "
        f"{config.steps}; this is not the run of {config.steps:,} steps in one go, which needs another --workdir"
    ]


def _following_the_length(config: ConfigDict) -> Iterator[str]:
    for player, options in config.optimizer.items():
        if options.schedule not in BY_STEP:
            yield f"optimizer.{player}.schedule={options.schedule!r}"
    if config.instance_noise.std > 0:
        yield f"instance_noise.std={config.instance_noise.std}"


def _other_rounding(workdir: Path) -> list[str]:
    """What to say where the processor, JAX or a variable of the environment is not that of the last start."""
    first = read_object(workdir / "environment.json") or {}
    said = differing([first, *first.get("resumed", [])][-1])
    return [f"this run may go on with other last digits than it began: {said}"] if said else []


def _without_checkpoints(workdir: Path, stored: ConfigDict) -> list[str]:
    """A run that was killed before its first checkpoint begins again; one that had some must get them back."""
    result = read_object(workdir / "result.json") or {}
    records = [record["step"] for record in read_metrics(workdir / "metrics.jsonl")]
    done = max([*records, result.get("step", 0)])
    # Only at the second checkpoint the first is known to have been there: a kill may come while it is written.
    had_some = stored.checkpoint_every > 0 and done >= 2 * stored.checkpoint_every
    if had_some or result.get("status") in ("finished", "interrupted", "stopped"):
        raise ConfigError(
            f"work directory {str(workdir)!r} holds records up to step {done:,} and no checkpoint to continue from; "
            "training would begin at step 0 and drop them; allowed: its checkpoints/ put back, or another --workdir"
        )
    if not done:
        return []
    return [f"{workdir} holds no checkpoint yet: begins again at step 0, without its records up to step {done:,}"]


def write_data(workdir: Path, source: Source) -> None:
    """Record a run's data in data.json: enough to know them again, and to do without them."""
    write_object(workdir / DATA, _about(source))


def check_data(workdir: Path, source: Source) -> None:
    """Refuse data that are not those with which the run began; says what differs."""
    known = _read(workdir)
    if known is None:
        return
    there, now = _facts(known), _facts(_about(source))
    if there == now:
        return
    differing = [f for f in {**now, **there} if there.get(f) != now.get(f) and not f.endswith("sha256")]
    shown = ", ".join(f"{field} {there.get(field)} there, {now.get(field)} now" for field in differing)
    shown = shown or "other examples, or in another order"
    raise ConfigError(
        f"data.name={source.name!r} is not what the run in {str(workdir)!r} began with ({shown}); allowed: the same "
        f"data, or another --workdir with init_from={workdir}"
    )


def stored_source(workdir: Path, config: ConfigDict) -> Source:
    """The data of a stored run; without examples, and without reading any, where none are made by a formula."""
    known = _read(workdir)
    if known is None or any(value is None for field, value in _facts(known).items() if field.endswith("num_examples")):
        return build_source(config)
    return _without_examples(known, config.data.name)


def _without_examples(known: Mapping[str, Any], name: str) -> Source:
    if "parts" in known:
        return joined({part: _without_examples(about, part) for part, about in known["parts"].items()}, name)
    made = {}
    for feature, about in known["features"].items():
        fields: Any = {field: tuple(value) if isinstance(value, list) else value for field, value in about.items()}
        made[feature] = Feature(**fields)
    return Source(name, made, known["num_examples"])


def _about(source: Source) -> dict[str, Any]:
    if source.parts:
        return {"parts": {name: _about(part) for name, part in source.parts.items()}}
    features = {name: feature._asdict() for name, feature in source.features.items()}
    return {"features": features, "num_examples": source.num_examples, "sha256": source.sha256}


def _facts(known: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared, by names with points; the shares of classes follow from the examples."""
    flat = flatten_dict(json.loads(json.dumps(known)), sep=".")
    return {field: value for field, value in flat.items() if not field.endswith(".frequencies")}


def _read(workdir: Path) -> dict[str, Any] | None:
    """data.json, of earlier versions as of this one; None of a run that has none."""
    path = workdir / DATA
    known = read_object(path)
    if known is None:
        return None
    try:
        if "shape" in known:  # what was written while a source was an image and a label
            endless = known["num_examples"] is None
            features = {"image": Feature(known["shape"], None if endless else PIXELS)}
            if known["num_classes"] is not None:
                features["label"] = Feature((), classes=known["num_classes"])
            about = {name: feature._asdict() for name, feature in features.items()}
            known = {"features": about, "num_examples": known["num_examples"], "sha256": known["sha256"]}
        _without_examples(known, "")
    except (AttributeError, KeyError, TypeError) as error:
        raise WorkdirError(f"{path} cannot be read: it does not describe data ({error!r})") from error
    return known
