"""Streams that are closed, full or of few characters, and signals that end the command at once."""

import codecs
import errno
import io
import os
import signal
import subprocess
import sys
import time

import pytest
from support.commands import here, train_flags

from gan_jax import paths
from gan_jax.cli import entry as cli
from gan_jax.cli import streams
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.training.output import Result
from gan_jax.training.screen import Screen

PREPARE = "import sys; from gan_jax.cli import streams; streams.make_streams_safe(); "


class Gone(io.StringIO):
    """A terminal that is gone after some texts."""

    def __init__(self, texts, number):
        super().__init__()
        self.left, self.number = texts, number

    def write(self, text):
        self.left -= 1
        if self.left < 0:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.ENOSPC])
def test_a_screen_goes_on_without_its_reader(number):
    gone = Gone(1, number)
    screen = Screen(gone)
    for text in ("one", "two", "three"):
        print(text, end="", file=screen, flush=True)
    assert gone.getvalue() == "one"
    for nothing in (Screen(None), Screen(open(os.devnull, "w"))):  # noqa: SIM115
        nothing.write("text")
        nothing.flush()
        assert not nothing.isatty()
    closed = open(os.devnull, "w")  # noqa: SIM115
    closed.close()
    assert Screen(closed).write("text") == 4
    assert not Screen(closed).isatty()


def test_what_is_printed_into_a_closed_pipe_or_a_full_disk():
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as file:
        printed = streams.Printed(file)
        print("text", file=printed)
        with pytest.raises(BrokenPipeError):
            printed.flush()
        printed.flush()  # as Python does when it ends
    with open("/dev/full", "w") as file:
        printed = streams.Printed(file)
        print("text", file=printed)
        with pytest.raises(WorkdirError, match="standard output cannot be written: No space left on device"):
            printed.flush()


def test_a_file_never_takes_the_number_of_a_closed_stream():
    code = "print('x'); print('x', file=sys.stderr); file = open('/dev/null'); sys.exit(file.fileno() < 3)"
    command = f"'{sys.executable}' -c \"{PREPARE}{code}\" >&- 2>&- <&-"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_a_character_that_a_terminal_lacks():
    codecs.register_error(streams.ESCAPED, streams.escaped)
    assert "1 \u00b1 2".encode("ascii", streams.ESCAPED) == rb"1 \xb1 2"
    assert os.fsdecode(b"a\xc3\xbc").encode("utf-8", streams.ESCAPED) == b"a\xc3\xbc"
    assert b"a\xc3\xbc".decode("ascii", "surrogateescape").encode("ascii", streams.ESCAPED) == b"a\xc3\xbc"


def test_a_path_that_the_locale_cannot_read():
    with pytest.raises(ConfigError, match=r"^--workdir='r\\udcfcn' is not of the locale's encoding; allowed: .*UTF8=1"):
        paths.from_home("--workdir", b"r\xfcn".decode("ascii", "surrogateescape"))


def test_commands_end_quietly_at_a_closed_pipe(monkeypatch, capsys):
    def closed(text):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    monkeypatch.setattr(sys.stdout, "write", closed)
    assert cli._run(["gan-jax", "data", "list"]) == 141
    assert capsys.readouterr().err == ""


def test_work_that_is_done_is_no_failure_where_nobody_reads(monkeypatch, tmp_path):
    def closed(text):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    written = []
    monkeypatch.setattr("gan_jax.training.loop.train", lambda *a, **k: Result("finished", 1, "", 0.0, {}, None))
    monkeypatch.setattr("gan_jax.sweeps.driver.sweep", lambda *a, **k: {"finished": 1})
    monkeypatch.setattr("gan_jax.sweeps.executors.use_cores", lambda count: None)
    monkeypatch.setattr("gan_jax.reporting.summary.stored", lambda workdir: {})
    monkeypatch.setattr("gan_jax.reporting.answer.table", lambda summary: "ranking")
    monkeypatch.setattr("gan_jax.reporting.write_report", lambda workdir, out: written.append(workdir) or "report.html")
    monkeypatch.setattr(sys.stdout, "write", closed)
    assert cli._run(["gan-jax", *train_flags(tmp_path)]) == 0
    config = "experiments/ring/config.py"
    assert cli._run(["gan-jax", "sweep", f"--config={config}:short", f"--workdir={tmp_path}"]) == 0
    assert written == [str(tmp_path)]


def test_a_second_signal_ends_what_does_not_hear_and_a_terminal_of_few_characters_gets_escapes():
    code = (  # a lock that is taken twice: like a compiler, it neither ends nor hears
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "streams.end_at_the_second_signal(); import ctypes; m = ctypes.create_string_buffer(64); "
        "l = ctypes.CDLL(None); print('\u00e4', flush=True); l.pthread_mutex_lock(m); l.pthread_mutex_lock(m)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", PREPARE + f"streams.PATIENCE = 0.2; {code}"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == "\\xe4\n"
        time.sleep(0.2)  # until it holds the lock
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "gan-jax: ends at the next chance; once more ends it at once\n"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == 130


def test_help_names_every_exit_status():
    assert "129, 130 and 143" in here("--help").out
    assert "141" in here("--help").out
