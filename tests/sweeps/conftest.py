"""These tests run gan-jax with the helpers and fixtures of tests/cli."""

import importlib.util
import sys
from pathlib import Path

_CLI = Path(__file__).parent.parent / "cli"
sys.path.insert(0, str(_CLI))

_spec = importlib.util.spec_from_file_location("cli_conftest", _CLI / "conftest.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
compiled = _module.compiled
empty_folder = _module.empty_folder
