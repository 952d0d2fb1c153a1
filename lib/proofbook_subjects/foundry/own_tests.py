"""The framework as a project with tests of its own: its package, its tests, and their settings.

The tests lie beside the package in a checkout, and inside of it in a wheel.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from proofbook.errors import SubjectError

__all__ = ["write_tested_project"]

_PACKAGE = Path(__file__).parent
_ROOTS = (_PACKAGE.parents[2] / "tests", _PACKAGE / "shipped_tests")
"""Of a checkout, and of a wheel."""
_OWN = Path("subjects", "foundry")
_SHARED = "waiting.py"
"""What the tests share with those of other packages."""
_KINDS = {
    "test_foundry_cli.py": "integration", "test_foundry_training.py": "integration",
    "test_foundry_full_run.py": "e2e",
}  # fmt: skip
"""Where tests go by their file; all others are of single units."""
_SETTINGS = """\
[project]
name = "foundry"
version = "1"

[tool.pytest.ini_options]
testpaths = ["tests"]
filterwarnings = [
    "error", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning",
]
markers = [
    "gpu: needs a CUDA device", "slow: takes more than a few seconds",
    "exhaustive(keep=0): long, or one of many of a kind",
]

[tool.coverage.run]
branch = true
parallel = true
source_pkgs = ["proofbook_subjects.foundry"]
"""


def write_tested_project(folder: Path) -> Path:
    """Write the project into ``folder/foundry-tested``, and return it.

    Raises:
        SubjectError: The tests, or what they need, are not installed.
    """
    root = next((root for root in _ROOTS if (root / _OWN / "conftest.py").is_file()), None)
    if root is None:
        raise SubjectError(
            "reference:foundry has no tests here: this installation of proofbook was made without "
            "them; give a project of your own"
        )
    for package in ("pytest", "coverage", "hypothesis", "datasets", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise SubjectError(
                f"reference:foundry is tested with {package}, which is not installed: "
                "pip install 'proofbook[foundry]', or give a project of your own"
            )
    place = folder / "foundry-tested"
    shutil.rmtree(place, ignore_errors=True)
    _write(place, root)
    return place


def _write(place: Path, root: Path) -> None:
    package = place / _PACKAGE.parent.name
    ignored = shutil.ignore_patterns("__pycache__", "shipped_tests")
    shutil.copytree(_PACKAGE, package / _PACKAGE.name, ignore=ignored)
    shutil.copy(_PACKAGE.parent / "__init__.py", package)
    for file in sorted((root / _OWN).glob("*.py")):
        kind = _KINDS.get(file.name, "unit") if file.name.startswith("test_") else ""
        target = place / "tests" / kind
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    shutil.copy(root / _SHARED, place / "tests")
    (place / "pyproject.toml").write_text(_SETTINGS, encoding="utf-8")
