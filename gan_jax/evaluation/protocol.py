"""What a number depends on beside the model."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a value was measured. Values may be compared where their protocols are equal.

    Attributes:
      metric: name of the value, such as "frechet_lenet".
      options: of the metric, {"subsets": 100, ...}.
      n_real: real examples.
      n_fake: generated examples.
      dataset: whose examples the real ones are.
      split: of the data set.
      reference_sha256: of the real examples, in their order.
      resize: what happens to an image before the extractor sees it.
      pixels: "8 bit" where generated images are rounded as if saved, "float" where they are not.
      extractor: name of the feature extractor; "none" where the metric needs none.
      extractor_sha256: of its weights; "" where it has none.
      parameters: "ema", or "current" where no average is kept.
      batch_norm: what the generator normalizes by: "none"; "running" averages of the training; "anew from N" generated
        examples, with averaged parameters; "batch of N", the samples themselves.
      checkpoint: how the checkpoint was chosen: "last", "step", or "best by METRIC on DATASET SPLIT".
    """

    metric: str
    options: Mapping[str, Any]
    n_real: int
    n_fake: int
    dataset: str
    split: str
    reference_sha256: str
    resize: str
    pixels: str
    extractor: str
    extractor_sha256: str
    parameters: str
    batch_norm: str
    checkpoint: str

    def sha256(self) -> str:
        """Of all of it: sixteen hexadecimal digits that stand for the protocol."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


FIELDS = tuple(field.name for field in dataclasses.fields(Protocol))


def protocol_of(record: Mapping[str, Any]) -> Protocol:
    """The protocol that a record carries."""
    return Protocol(**{name: record[name] for name in FIELDS})


def differences(protocols: Mapping[str, Protocol]) -> dict[str, dict[str, Any]]:
    """{field: {key: value}} of the fields that are not the same in all protocols."""
    fields = {name: {key: getattr(protocol, name) for key, protocol in protocols.items()} for name in FIELDS}
    return {name: values for name, values in fields.items() if len({json.dumps(v) for v in values.values()}) > 1}
