"""What to say of a configuration that cannot be used: one line with the field, what was given and what is allowed."""

import re
from collections.abc import Mapping
from pathlib import Path
from traceback import extract_tb

from absl import flags

from gan_jax.errors import nearest
from gan_jax.options import Field
from gan_jax.registry import describe
from gan_jax.stored import RENAMED


def unknown(path: str, fields: Mapping[str, Field], *, given: str) -> str:
    """For a field that does not exist: the nearest one, and what there is."""
    section, _, rest = path.partition(".")
    if section in RENAMED:
        return f"{given}: {section} is now {RENAMED[section]}; write {'.'.join(filter(None, (RENAMED[section], rest)))}"
    sections = sorted({p.rsplit(".", 1)[0] for p in fields if p.startswith(path + ".")})
    if sections:
        inner = [p for p in fields if p.startswith(path + ".")]
        return (
            f"{given}: {path} is a group of fields; allowed: {', '.join(inner[:6])}{', ...' if len(inner) > 6 else ''}"
        )
    parent = path.rsplit(".", 1)[0] if "." in path else ""
    siblings = [p for p in fields if (p.rsplit(".", 1)[0] if "." in p else "") == parent]
    leaf = [p for p in fields if p.rsplit(".", 1)[-1] == path.rsplit(".", 1)[-1]]
    close = nearest(path, fields) or (f" (did you mean {leaf[0]!r}?)" if leaf else "")
    allowed = siblings or sorted({p.split(".")[0] for p in fields})
    return f"{given}: there is no field {path!r}{close}; allowed: {', '.join(allowed)}"


def explain(error: BaseException, given: str, fields: Mapping[str, Field]) -> str:
    """For what reading the file or flags ``given`` raised."""
    message = " ".join(str(error).split())
    if isinstance(error, flags.IllegalFlagValueError):
        found = re.match(r"flag --config\.([\w.]+)=(.*?): (.*)", message)
        if found and found[1] in fields:
            field = fields[found[1]]
            return f"{found[1]}={found[2]} is not possible; allowed: {field.allowed or field.kind}"
    elif isinstance(error, flags.Error):
        return message
    path, _, variant = given.partition(":")
    error = _raised_in(path, error)
    said = re.sub(r" Other fields present: .*?(?=Did you mean|\(/|$)", " ", describe(error))
    if isinstance(error, KeyError) and (old := next((old for old in RENAMED if re.search(rf"['\"]{old}\b", said)), "")):
        return f"--config={given}: {old} is now {RENAMED[old]}: {said}"
    if isinstance(error, AttributeError) and error.name == "get_config":
        return f"--config={given}: {path} defines no function get_config; allowed: get_config() -> ConfigDict"
    if variant and isinstance(error, TypeError) and "get_config() takes 0 positional arguments" in said:
        return f"--config={given}: {path} has no variants, its get_config takes no argument; allowed: --config={path}"
    if variant and isinstance(error, KeyError) and error.args == (variant,):
        return f"--config={given}: {path} has no variant {variant!r}: {said}"
    return f"--config={given}: {said}"


def _raised_in(path: str, error: BaseException) -> BaseException:
    """What a user's file raised, out of what absl and ml_collections wrapped around it."""
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    file = Path(path).resolve()
    from_file = [e for e in chain if any(Path(f.filename).resolve() == file for f in extract_tb(e.__traceback__))]
    return from_file[-1] if from_file else chain[-1]
