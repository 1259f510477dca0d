"""What is planted, and the test files that more than one error names."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    """An error: in ``file`` (below gan_jax/) ``old``, which occurs once there, becomes ``new``; one of ``tests`` fails.

    Of ``tests`` the cheapest comes first. ``slow``: those are run that are marked slow, instead of those that are not.
    ``first``: words of tests (``pytest -k``) that are tried before the whole files, only to save time.
    """

    name: str
    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]
    slow: bool = False
    first: str = ""


LOSSES = "tests/losses/test_loss_values.py"
PENALTIES = "tests/penalties/test_penalty_closed_forms.py"
BILINEAR = "tests/rules/test_bilinear.py"
JACOBIAN = "tests/rules/test_jacobian.py"
VERIFY_RULES = "tests/verification/test_rules.py"
BATTERY = "tests/games/test_battery.py"
GIVEN = "tests/games/test_what_a_move_is_given.py"
MOVE = "tests/games/test_move.py"
TERMS = "tests/games/test_terms.py"
LABELS = "tests/games/test_labels.py"
DEVICES = "tests/training/test_devices.py"
RESUME = "tests/training/test_resume.py"
CONVOLUTIONS = "tests/nn/test_convolutions.py"
