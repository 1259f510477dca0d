"""Names of metrics, and what metrics say of themselves."""

import subprocess
import sys

import pytest

from gan_jax.errors import ConfigError
from gan_jax.metrics.metric import EXTRACTED, SUPPLIED
from gan_jax.metrics.table import (
    EXTRACTOR_NAMES,
    OF_EXAMPLES,
    OF_FEATURES,
    Name,
    better_of,
    directions,
    is_metrics,
    load,
    parse,
    values_of,
)


@pytest.mark.parametrize("name", [*OF_FEATURES, *OF_EXAMPLES])
def test_a_metric_reads_what_there_is_and_needs_an_extractor_where_it_says_so(name):
    metric = load(name)
    assert set(metric.reads) <= set(SUPPLIED)
    assert bool(set(metric.reads) & set(EXTRACTED)) == (name in OF_FEATURES)
    assert metric.values
    assert set(metric.values.values()) <= {"lower", "higher", ""}


@pytest.mark.parametrize("output", ["", "a_to_b"])
def test_every_name_is_taken_apart_and_put_together(output):
    names = [*OF_EXAMPLES, *(f"{metric}_{extractor}" for metric in OF_FEATURES for extractor in EXTRACTOR_NAMES)]
    for name in names:
        full = f"{output}:{name}" if output else name
        assert parse(full).full == full
        assert parse(full).output == output
        assert is_metrics((full,))
        assert {value.removeprefix(f"{output}:"): way for value, way in values_of(full).items()} == values_of(name)
        assert all(better_of(value) == way for value, way in values_of(full).items())


def test_parts_of_names():
    assert parse("a_to_b:frechet_lenet") == Name("a_to_b", "frechet", "lenet")
    assert parse("precision_recall_efficientnet_lite0") == Name("", "precision_recall", "efficientnet_lite0")
    assert parse("parzen") == Name("", "parzen", "")
    assert values_of("b:prdc_own")["b:recall_own"] == "higher"
    assert better_of("a_to_b:frechet_lenet") == directions()["frechet_lenet"] == "lower"
    assert better_of("ms_ssim") == ""
    assert better_of("train:generator/loss") is None


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("frechet", "metric 'frechet' names no extractor; allowed: frechet_lenet, "),
        ("b:kid_incepton", "metric 'b:kid_incepton' names no extractor; allowed: kid_lenet, "),
        ("frechett_lenet", r"there is no metric 'frechett_lenet' \(did you mean 'frechet_lenet'\?\); allowed: "),
        (":parzen", "metric ':parzen' names no output; allowed: OUTPUT:METRIC"),
        ("a:b:parzen", "metric 'a:b:parzen' names no output"),
        ("a_to_b:", "there is no metric ''"),
    ],
)
def test_what_is_no_name(name, line):
    with pytest.raises(ConfigError, match=f"^{line}"):
        parse(name)
    assert not is_metrics((name,))


def test_names_load_no_metric():
    """Training without evaluation does not wait for them."""
    code = (
        "import sys, gan_jax.metrics.table as t; assert t.is_metrics(('b:prd_lenet', 'modes'));"
        "print([m for m in sys.modules if m.startswith('gan_jax.metrics.') or m == 'sklearn'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['gan_jax.metrics.metric', 'gan_jax.metrics.table']"
