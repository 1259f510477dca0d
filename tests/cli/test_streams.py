"""Terminals that lack characters, and standard streams that are closed."""

import codecs
import os
import subprocess
import sys

import pytest

from gan_jax import cli, paths
from gan_jax.errors import ConfigError

CLOSED = """
import os, sys
from gan_jax import cli
cli._open_closed()
print("a line")
print("another", file=sys.stderr, flush=True)
assert sys.stdin.read() == ""
os.write(2, b"from a library")
with open("run", "w") as file:
    assert file.fileno() > 2
    file.write("of the run")
"""


def test_a_terminal_that_lacks_a_character():
    codecs.register_error(cli.ESCAPED, cli._escaped)
    assert "1 ± 2".encode("ascii", cli.ESCAPED) == rb"1 \xb1 2"
    assert os.fsdecode(b"a\xc3\xbc").encode("utf-8", cli.ESCAPED) == b"a\xc3\xbc"
    assert b"a\xc3\xbc".decode("ascii", "surrogateescape").encode("ascii", cli.ESCAPED) == b"a\xc3\xbc"


def test_a_path_that_the_locale_cannot_read():
    with pytest.raises(ConfigError, match=r"^--workdir='r\\udcfcn' is not of the locale's encoding; allowed: .*UTF8=1"):
        paths.from_home("--workdir", b"r\xfcn".decode("ascii", "surrogateescape"))


@pytest.mark.parametrize("closed", [">&- 2>&- <&-", "2>&- </dev/null >/dev/null", ">&- </dev/null 2>/dev/null"])
def test_closed_streams(closed, tmp_path):
    command = f'exec "{sys.executable}" -c "$CODE" {closed}'
    ended = subprocess.run(["sh", "-c", command], env={**os.environ, "CODE": CLOSED}, cwd=tmp_path, check=False)
    assert ended.returncode == 0
    assert (tmp_path / "run").read_text() == "of the run"
