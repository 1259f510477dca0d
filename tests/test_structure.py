"""The package's structure: imports in one direction, light import, file sizes."""

import ast
import subprocess
import sys
from pathlib import Path

import gan_jax

ROOT = Path(gan_jax.__file__).parent
ORDER = (
    "errors", "files", "stored", "status", "paths", "returned", "scalars", "threefry", "options", "data", "losses",
    "penalties", "nn", "networks", "rules", "game", "setup", "move", "terms", "games", "extractors", "registry",
    "chosen", "metrics", "optimizers", "fields", "messages", "combinations", "idle", "config", "configured", "build",
    "health", "evaluation", "training", "sweeps", "verification", "figures", "reporting", "cli", "__main__",
)  # fmt: skip


def package_of(path):
    relative = path.relative_to(ROOT).with_suffix("")
    return relative.parts[0]


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "gan_jax":
                yield from (f"gan_jax.{alias.name}" for alias in node.names)


def test_a_module_imports_only_what_comes_before_it():
    for path in ROOT.rglob("*.py"):
        own = package_of(path)
        if own == "__init__":
            continue
        for name in imported(ast.parse(path.read_text())):
            parts = name.split(".")
            if parts[0] == "gan_jax" and len(parts) > 1 and parts[1] not in (own, "__version__"):
                assert ORDER.index(parts[1]) < ORDER.index(own), f"{path.relative_to(ROOT)} imports {name}"


def test_games_never_import_networks():
    for path in (ROOT / "games").glob("*.py"):
        assert not any(n.startswith("gan_jax.networks") for n in imported(ast.parse(path.read_text())))


def test_a_metric_is_of_arrays_alone():
    """No metric can reach into a run; the table of their names knows the extractors."""
    for path in (ROOT / "metrics").glob("*.py"):
        own = [name for name in imported(ast.parse(path.read_text())) if name.startswith("gan_jax")]
        if path.name != "table.py":
            allowed = ("gan_jax.errors", "gan_jax.options", "gan_jax.metrics")
            assert all(name.startswith(allowed) for name in own), path.name


def test_a_game_is_named_by_its_own_file_and_the_table_alone():
    """So that a game is an addition: nothing else knows that there is one. (A network has the name "projection".)"""
    names = {"conditional", "cycle", "auxiliary", "semi_supervised", "info"}
    for path in ROOT.rglob("*.py"):
        if path.parent.name == "games":
            continue
        tree = ast.parse(path.read_text())
        named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} & names
        named |= {name for name in imported(tree) if name in {f"gan_jax.games.{own}" for own in names}}
        assert not named, f"{path.relative_to(ROOT)} names {named}"


def test_importing_the_package_loads_no_heavy_library():
    heavy = ("jax", "flax", "orbax", "tensorflow_datasets", "matplotlib")
    code = f"import sys, gan_jax; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_no_framework_of_another_kind_is_a_dependency():
    text = (ROOT.parent / "pyproject.toml").read_text()
    runtime = text.split("dependencies = [")[1].split("]")[0]
    assert '"torch' not in runtime
    assert '"tensorflow"' not in runtime


def test_folders_stay_small():
    assert len(list((ROOT / "sweeps").glob("*.py"))) <= 12
    assert len(list((ROOT / "training").glob("*.py"))) <= 15  # one of them is __init__.py


def test_files_and_functions_stay_short():
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= (300 if path.parent.name == "training" else 320), path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 80, f"{path.relative_to(ROOT)}, {node.name}"


def test_helpers_of_tests_lie_in_one_folder():
    """Beside the golden table and the planted faults, which are tools of their own."""
    tests = Path(__file__).parent
    for path in tests.rglob("*.py"):
        folder = path.relative_to(tests).parts[0]
        assert path.name.startswith(("test_", "conftest")) or folder in ("support", "golden", "faults"), path
        if folder == "support":
            assert not path.name.startswith("test_"), path
        elif path.name.startswith("test_"):
            names = set(imported(ast.parse(path.read_text())))
            assert not any(name.split(".")[-1].startswith("test_") for name in names), f"{path} imports from a test"
