"""How much of each source file the tests reached, read from coverage's JSON or Cobertura's XML."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook_systems.foundry.components.junit import parse_xml
from proofbook_systems.foundry.components.running import INJECTED, Places, variables
from proofbook_systems.foundry.components.subject import Project

__all__ = ["FileCoverage", "measure_coverage", "read_coverage"]

_CONDITIONS = re.compile(r"\((\d+)/(\d+)\)")
_TIMEOUT = 300.0


@dataclass(frozen=True, kw_only=True)
class FileCoverage:
    """One source file: what there is to reach in it, and what was reached."""

    covered: int
    """Statements, and branches where they were measured."""
    total: int
    ran: bool
    """Whether any statement ran at all; in a file that nothing imports none does."""


def measure_coverage(
    project: Project, places: Places, files: Sequence[str]
) -> Mapping[str, FileCoverage]:
    """Return the coverage of a run's source files, by their path in the project.

    The report of the tests' own command is taken if there is one, in which a file that is not
    named was never imported; else ``coverage`` in the project's interpreter is asked for one, in
    which only what the project's settings leave out is not named.

    Args:
        project: Whose tests ran.
        places: Where.
        files: The source files, relative to the project.

    Raises:
        SubjectError: There are no data, no ``coverage``, or no report.
    """
    roots = [places.copy, project.folder]
    if places.coverage.is_file():
        told = read_coverage(places.coverage, roots)
        return {**{n: _never_imported(places.copy / n) for n in files}, **told}
    if not any(places.data.parent.iterdir()):
        raise SubjectError(
            "no coverage was measured: begin test_command with {python} -m coverage run, or let it "
            "write a JSON or XML report to {coverage}"
        )
    request, report = places.root / "request.json", places.root / "coverage.json"
    settings = places.root / "settings.json"
    request.write_text(json.dumps({
        "roots": [str(root) for root in roots], "files": list(files), "report": str(report),
        "settings": str(settings),
    }))  # fmt: skip
    words = [project.python, str(INJECTED / "coverage_report.py"), str(request)]
    ended = run(
        words, timeout=_TIMEOUT, name="coverage", cwd=places.copy, env=variables(project, places)
    )
    if ended.code != 0 or not report.is_file():
        last = (ended.output.strip().splitlines() or ["it printed nothing"])[-1]
        raise SubjectError(f"coverage made no report: it {ended.words}: {last}")
    told = json.loads(settings.read_text(encoding="utf-8"))
    if told["asked"] and not told["measured"]:
        raise SubjectError(
            f"no source file of the project was measured: its own coverage settings measure "
            f"{', '.join(told['asked'])} and nothing else"
        )
    return read_coverage(report, roots)


def read_coverage(report: Path, roots: Sequence[Path]) -> Mapping[str, FileCoverage]:
    """Read a report; paths are made relative to the first of ``roots`` that they lie below.

    Raises:
        SubjectError: It is neither coverage's JSON nor Cobertura's XML.
    """
    text = report.read_text(encoding="utf-8", errors="replace").lstrip()
    if text.startswith("<"):
        return _read_xml(parse_xml(report), roots)
    try:
        files = json.loads(text)["files"]
        return {_relative(name, roots): _from_json(told) for name, told in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SubjectError(f"{report.name} is no report of coverage: {error!r}") from error


def _never_imported(path: Path) -> FileCoverage:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return FileCoverage(covered=0, total=1, ran=False)
    lines = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)}
    return FileCoverage(covered=0, total=len(lines), ran=not lines)


def _from_json(told: Mapping[str, Any]) -> FileCoverage:
    summary = told["summary"]
    return FileCoverage(
        covered=summary["covered_lines"] + summary.get("covered_branches", 0),
        total=summary["num_statements"] + summary.get("num_branches", 0),
        ran=bool(summary["covered_lines"]) or not summary["num_statements"],
    )


def _read_xml(root: ElementTree.Element, roots: Sequence[Path]) -> Mapping[str, FileCoverage]:
    if root.tag != "coverage":
        raise SubjectError(f"the report is no Cobertura XML: its root is <{root.tag}>")
    sources = [Path(each.text.strip()) for each in root.iter("source") if each.text]
    found = {}
    for each in root.iter("class"):
        lines = list(each.iter("line"))
        hit = sum(int(line.get("hits") or 0) > 0 for line in lines)
        branches = [_CONDITIONS.search(line.get("condition-coverage") or "") for line in lines]
        pairs = [(int(m[1]), int(m[2])) for m in branches if m]
        place = _locate(each.get("filename") or "", sources)
        found[_relative(place, roots)] = FileCoverage(
            covered=hit + sum(taken for taken, _ in pairs), ran=hit > 0 or not lines,
            total=len(lines) + sum(ways for _, ways in pairs),
        )  # fmt: skip
    return found


def _locate(name: str, sources: Sequence[Path]) -> str:
    places = [source / name for source in sources]
    return str(next((place for place in places if place.is_file()), name))


def _relative(name: str, roots: Sequence[Path]) -> str:
    path = Path(name)
    for root in roots:
        if path.is_absolute() and path.resolve().is_relative_to(root.resolve()):
            return path.resolve().relative_to(root.resolve()).as_posix()
    return path.as_posix()
