"""Which mutants mypy refuses: ``make lint`` notices those.

All mutants of a module are checked at once: each changed statement is appended to the module under
a name of its own. What mypy also says of an unchanged copy is no error of a mutant's.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mutations import Mutant

__all__ = ["refused", "rename"]

_NAMED = re.compile(r"^(?:@.*\n|async |def |class |\s|#.*\n)*(\w+)")
_ERROR = re.compile(r"^[^:\n]+:(\d+): error: (.*)$", re.MULTILINE)


def refused(path: str, mutants: Sequence[Mutant], root: Path) -> dict[Mutant, str]:
    """Return what mypy says of those mutants of a module that it refuses."""
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    copies: dict[str, tuple[range, Mutant]] = {}
    for number, mutant in enumerate(mutants):
        for label, statement in (("control", mutant.original), ("mutant", mutant.statement)):
            name = f"{label}_{number}"
            text = rename(statement, name).splitlines()
            copies[name] = range(len(lines) + 1, len(lines) + len(text) + 1), mutant
            lines += text
    errors = _mypy(path, "\n".join(lines) + "\n", root)
    found: dict[Mutant, str] = {}
    for number, mutant in enumerate(mutants):
        said = {
            label: {
                message.replace(f"{label}_{number}", "")
                for line, message in errors
                if line in copies[f"{label}_{number}"][0]
            }
            for label in ("control", "mutant")
        }
        if new := sorted(said["mutant"] - said["control"]):
            found[mutant] = new[0]
    return found


def rename(statement: str, label: str) -> str:
    """Give what a statement binds another name, so that a module can hold it twice."""
    named = _NAMED.match(statement)
    if named is None:
        return statement
    return f"{statement[: named.end(1)]}_{label}{statement[named.end(1) :]}"


def _mypy(path: str, source: str, root: Path) -> list[tuple[int, str]]:
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
        file.write(source)
        file.flush()
        command = [sys.executable, "-m", "mypy", "--shadow-file", path, file.name, path]
        command += ["--no-error-summary", "--hide-error-context", "--no-pretty"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or done.stderr:
        raise RuntimeError(f"mypy could not check {path}: {done.stderr or done.stdout}")
    return [(int(line), message) for line, message in _ERROR.findall(done.stdout)]
