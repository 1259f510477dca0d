"""Errors that the tests must find, planted one at a time by run.py: plausible slips, each a change of one line."""

from around import AROUND
from fault import Fault
from training import TRAINING

FAULTS: tuple[Fault, ...] = (*TRAINING, *AROUND)
