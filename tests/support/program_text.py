"""What the tests read off a lowered program."""

import re

import jax


def lowered_pmap(monkeypatch, make, *arguments):
    """StableHLO of the one ``jax.pmap`` that ``make()`` makes; its last argument, the devices' numbers, is added."""
    made, pmap = [], jax.pmap
    monkeypatch.setattr(jax, "pmap", lambda *args, **kwargs: made.append(pmap(*args, **kwargs)) or made[-1])
    make()
    (program,) = made
    return program.lower(*arguments, jax.ShapeDtypeStruct((1,), jax.numpy.int32)).as_text()


def of_the_host(text):
    """What in a program is not the device's alone: calls of anything but XLA's operations, and transfers."""
    operations = set(re.findall(r"\b(?:stablehlo|mhlo|chlo)\.(\w+)", text))
    calls = set(re.findall(r"custom_call[ (]*@?\"?([\w.]+)", text))
    return calls | operations & {"infeed", "outfeed", "send", "recv", "custom_call"}


def donated(text):
    """How many of a program's arguments share their memory with a result."""
    return len(re.findall(r"tf\.aliasing_output|jax\.buffer_donor", text))
