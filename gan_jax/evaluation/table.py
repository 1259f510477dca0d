"""Tables of records: a column holds values of one protocol."""

from collections.abc import Mapping, Sequence
from typing import Any

from gan_jax import paths
from gan_jax.evaluation.protocol import Protocol, differences, protocol_of

Record = Mapping[str, Any]


def table(rows: Mapping[str, Sequence[Record]]) -> str:
    """Records as text.

    Values of one metric measured by different protocols stand in columns of their own, "name [1]", "name [2]", with
    lines below that say what differs. Below all stands what every value has in common. Of several records of a row
    with one protocol the last counts.
    """
    protocols: dict[str, Protocol] = {}
    cells: dict[str, dict[str, Record]] = {}
    for name, records in rows.items():
        cells[name] = {}
        for one in records:
            protocols.setdefault(one["protocol"], protocol_of(one))
            cells[name][one["protocol"]] = one
    titles, said = _titles(protocols)
    head = ["", *(titles[column] for column in protocols)]
    body = [[name, *(_cell(found.get(column)) for column in protocols)] for name, found in cells.items()]
    return "\n".join([aligned([head, *body]), *said, *_common(list(protocols.values()))])


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(value: float, spread: float | None) -> str:
    """A value with four digits, and its spread."""
    text = f"{value:.4g}"
    return text if spread is None else f"{text} ± {spread:.2g}"


def _cell(record: Record | None) -> str:
    return "-" if record is None else shown(float(record["value"]), record["spread"])


def _titles(protocols: Mapping[str, Protocol]) -> tuple[dict[str, str], list[str]]:
    """{column: title}, and lines that tell columns of one metric apart."""
    titles, said = {}, []
    metrics: dict[str, list[str]] = {}
    for column, protocol in protocols.items():
        metrics.setdefault(protocol.metric, []).append(column)
    for metric, columns in metrics.items():
        if len(columns) == 1:
            titles[columns[0]] = metric
            continue
        titles |= {column: f"{metric} [{i}]" for i, column in enumerate(columns, 1)}
        apart = differences({titles[column]: protocols[column] for column in columns})
        said.append(f"{metric}: {len(columns)} protocols, not comparable with one another:")
        said += [
            f"  {titles[column]}: "
            + ", ".join(f"{field} {_text(values[titles[column]])}" for field, values in apart.items())
            for column in columns
        ]
    return titles, said


def _text(value: Any) -> str:
    """A field of a protocol in one line; the data set's may be the name of any folder."""
    return paths.shown(str(value))


def _common(protocols: Sequence[Protocol]) -> list[str]:
    """What all values have in common, and what belongs to single ones."""
    if not protocols:
        return []
    common = ("dataset", "split", "n_real", "n_fake", "parameters", "batch_norm", "checkpoint")
    lines = []
    for field in common:
        values = list(dict.fromkeys(_text(getattr(protocol, field)) for protocol in protocols))
        if len(values) == 1:
            lines.append(f"{field} {values[0]}")
    own = []
    for protocol in protocols:
        options = ", ".join(f"{name} {value}" for name, value in protocol.options.items())
        extractor = (
            "" if protocol.extractor == "none" else f"{protocol.extractor} {protocol.extractor_sha256[:12]}".strip()
        )
        resize = "" if protocol.resize == "none" else f"resize {protocol.resize}"
        text = "; ".join(filter(None, (extractor, resize, f"pixels {protocol.pixels}", options)))
        own.append(f"  {protocol.metric} {protocol.sha256()}: {text}")
    return ["protocol: " + ", ".join(lines), *own]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
