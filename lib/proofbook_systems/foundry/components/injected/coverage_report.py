"""Report the coverage of given files, also of those that were never imported, as JSON.

    python coverage_report.py REQUEST.json

The request names the project's folders (``roots``), its source files relative to them (``files``),
and where the report goes (``report``). Runs in the interpreter of the project, which must have
``coverage``; reads the project's own settings from the working folder, the data from
``COVERAGE_FILE``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(request: dict[str, Any]) -> None:
    """Write the report; the files that the project's settings leave out are not in it."""
    import coverage

    cov = coverage.Coverage()
    for option in ("fail_under", "skip_covered", "skip_empty"):
        cov.set_option(f"report:{option}", 0 if option == "fail_under" else False)
    if _has_parts():
        cov.combine(keep=True)
    else:
        cov.load()
    measured = {str(Path(name).resolve()) for name in cov.get_data().measured_files()}
    places = [_place(request["roots"], name, measured) for name in request["files"]]
    cov.json_report(morfs=places, outfile=request["report"], ignore_errors=True)
    settings = {k: cov.get_option(f"run:{k}") for k in ("source", "source_pkgs", "include")}
    asked = [name for names in settings.values() if isinstance(names, list) for name in names]
    Path(request["settings"]).write_text(json.dumps({
        "asked": asked, "measured": bool(measured.intersection(places)),
    }), encoding="utf-8")  # fmt: skip


def _has_parts() -> bool:
    file = Path(os.environ["COVERAGE_FILE"])
    return any(file.parent.glob(file.name + ".*"))


def _place(roots: list[str], name: str, measured: set[str]) -> str:
    """Return the path of a file as it was imported; that below the first root if it was not."""
    places = [str(Path(root, name).resolve()) for root in roots]
    return next((place for place in places if place in measured), places[0])


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
