"""Read JUnit XML: of pytest, of unittest's runners, of anything that writes it.

What is received is hostile: a report with entities or a document type is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from proofbook.errors import SubjectError
from proofbook_systems.foundry.components.results import Outcome, Result, worse

__all__ = ["parse_xml", "read_junit"]

_OUTCOMES: Mapping[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}
_XFAIL = ("pytest.xfail", "expected failure")


def read_junit(path: Path, project: Path) -> tuple[Result, ...]:
    """Return the tests of a report, each once, with the worst of what it says about it.

    Args:
        path: The report.
        project: Folder in which the tests' files are looked for.

    Raises:
        SubjectError: It is not there, cut off, or no JUnit XML.
    """
    root = parse_xml(path)
    if root.tag not in ("testsuites", "testsuite"):
        raise SubjectError(f"{path.name} is no JUnit report: its root is <{root.tag}>")
    tests: dict[str, Result] = {}
    # The suites' own counts are not compared: pytest counts the subtests that it does not list.
    for case in root.iter("testcase"):
        test = _test(case, project)
        known = tests.get(test.id)
        tests[test.id] = _merge(known, test) if known else test
    return tuple(tests.values())


def parse_xml(path: Path) -> ElementTree.Element:
    """Return the root of an XML file that another program has written.

    Raises:
        SubjectError: It is not there, no XML, or declares a document type or entities.
    """
    try:
        data = path.read_bytes()
        _refuse_entities(data)
        return ElementTree.fromstring(data)
    except OSError as error:
        raise SubjectError(f"{path.name} was not written") from error
    except (ElementTree.ParseError, expat.ExpatError, ValueError) as error:
        raise SubjectError(f"{path.name} is no whole XML: {error}") from error


def _refuse_entities(data: bytes) -> None:
    parser = expat.ParserCreate()

    def refuse(name: str, *_: object) -> None:
        raise ValueError(f"it declares the entity {name}, which can grow without end")

    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)


def _test(case: ElementTree.Element, project: Path) -> Result:
    outcome, words = "passed", ""
    for child in case:
        if child.tag in _OUTCOMES:
            outcome = worse(outcome, _OUTCOMES[child.tag])  # type: ignore[arg-type]
            words = words or child.get("message") or (child.text or "").strip()
            if outcome == "skipped" and (child.get("type") or words) in _XFAIL:
                outcome = "xfailed"
    seconds = _number(case.get("time"))
    return Result(
        id=_id(case, project), outcome=outcome, seconds=seconds,  # type: ignore[arg-type]
        call_seconds=seconds, words=words[:2000],
    )  # fmt: skip


def _merge(one: Result, other: Result) -> Result:
    return Result(
        id=one.id, outcome=worse(one.outcome, other.outcome), words=one.words or other.words,
        seconds=one.seconds + other.seconds, call_seconds=one.call_seconds + other.call_seconds,
    )  # fmt: skip


def _id(case: ElementTree.Element, project: Path) -> str:
    name, classes = case.get("name") or "unnamed", case.get("classname") or ""
    file = case.get("file") or ""
    if file and Path(file).is_absolute() and Path(file).is_relative_to(project):
        file = Path(file).relative_to(project).as_posix()
    parts = classes.split(".")
    # A class names its own module, and the file of a test that it inherits is its base's.
    number, found = _find_file(parts, project)
    if found:
        return "::".join([found, *parts[number:], name])
    if not file:
        return "::".join([classes, name])
    module = file.removesuffix(".py").replace("/", ".")
    rest = classes.removeprefix(module).strip(".") if classes.startswith(module) else ""
    return "::".join([file, *([r for r in rest.split(".") if r]), name])


def _find_file(parts: list[str], project: Path) -> tuple[int, str]:
    """Return how many parts of a class's dotted name are its file's, and the file."""
    for number in range(len(parts) if parts[0] else 0, 0, -1):
        tail = Path(*parts[:number]).with_suffix(".py")
        found = project / tail
        if found.is_file():
            return number, tail.as_posix()
        deeper = sorted(project.glob(f"*/{tail.as_posix()}"))
        if deeper:
            return number, deeper[0].relative_to(project).as_posix()
    return 0, ""


def _number(text: str | None) -> float:
    try:
        value = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0
