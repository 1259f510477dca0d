"""Whatever the batch and the number of examples, the compiler ends: it once took hours over a batch of 16 of MNIST."""

import os
import subprocess
import sys

# (batch, examples, runs under vmap): powers of two that divide the examples, which LLVM's vectorizer knows, and their
# neighbours; batches beyond the number of examples; a single example.
CASES = [
    *((batch, 60000, 1) for batch in (16, 32, 100)),
    (16, 60000, 3), (256, 1024, 1), (512, 1797, 1), (16, 16, 1), (64, 10, 1), (16, 1, 1),
]  # fmt: skip
SECONDS = 15  # for one program, which takes half a second


def test_every_batch_and_number_of_examples():
    # In a process of its own, since nothing else ends a compiler. It reads no cache, and optimizes as a user's does.
    command = [sys.executable, "-m", "support.compile_fetch", *(",".join(map(str, case)) for case in CASES)]
    environment = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false", "XLA_FLAGS": ""}
    try:
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=SECONDS * len(CASES)
        )
        out = done.stdout
        assert done.returncode == 0, done.stderr
    except subprocess.TimeoutExpired as late:
        out = (late.stdout or b"").decode()
    took = {tuple(map(int, case.split(","))): float(time) for case, time in map(str.split, out.splitlines())}
    assert took.keys() == set(CASES), f"never ended: {next(case for case in CASES if case not in took)}"
    assert max(took.values()) < SECONDS, took
