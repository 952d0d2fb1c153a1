"""Sources of the notebooks that are measured.

A notebook without a check is never green in proofbook, so those that it runs carry one; the
peer's do not, and are spared its cost.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["checked", "import_lines", "marking", "printing"]

_MARK = """\
import json, os, tempfile, time
from pathlib import Path
mark = {"number": number, "job": os.environ["PROOFBOOK_JOB"], "cwd": os.getcwd(),
        "pid": os.getpid(), "temporary": tempfile.gettempdir(),
        "found": [globals().get("left_behind"), os.environ.get("LEFT_BEHIND")]}
left_behind = os.environ["LEFT_BEHIND"] = str(number)
Path("mark.json").write_text(json.dumps(mark))
time.sleep(0.05)
"""

_READ_BACK = """\
checks.expect("own-file", json.loads(Path("mark.json").read_text())["number"], number)
checks.expect("own-folder", os.listdir(), ["mark.json"])
"""


def import_lines(modules: Iterable[str]) -> str:
    """Return import statements for ``module`` and ``module:attribute``."""
    lines = []
    for entry in modules:
        module, _, attribute = entry.partition(":")
        lines.append(f"from {module} import {attribute}" if attribute else f"import {module}")
    return "\n".join(lines)


def checked(name: str, *sources: str) -> list[str]:
    """Return sources between the opening of the checks of ``bench/<name>`` and their finish."""
    opening = f'from proofbook.checks import Checks\nchecks = Checks("bench/{name}")'
    return [opening, *sources, 'checks.expect("ran", True)\nchecks.finish()']


def marking(name: str) -> list[str]:
    """Return sources that leave ``mark.json``: who ran where, and what an earlier job left.

    The notebook has a parameter ``number``.
    """
    return checked(name, _MARK, _READ_BACK)


def printing(cells: int, kilobytes: int) -> list[str]:
    """Return sources that print ``kilobytes`` times 1,000 bytes each, all of them different."""
    return [
        f"print('\\n'.join(f'{number:05d} {{i:07d}} ' + 'x' * 85 for i in range({kilobytes * 10})))"
        for number in range(cells)
    ]
