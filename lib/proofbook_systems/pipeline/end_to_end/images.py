"""Judge the selection of images: one for each line, on disk, of its character and its emotion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from proofbook_systems.pipeline.artefacts import Line, Script, Selection, Selections
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.tables import Rows

__all__ = ["Library", "judge_batch", "judge_selections", "library_of"]

Library = Mapping[Path, tuple[str, str]]
"""An image's path to its character and its emotion."""


def library_of(rows: Rows, root: Path) -> Library:
    """Return what the image library says of each image; paths may start from the project."""
    return {
        (root / str(rows.value(row, "library.path"))).resolve(): (
            str(rows.value(row, "library.character") or ""),
            str(rows.value(row, "library.emotion") or ""),
        )
        for row in rows
    }


def judge_selections(script: Script, chosen: Selections, library: Library | None) -> list[Finding]:
    """Judge the images of a film.

    Args:
        script: What is spoken.
        chosen: What is shown.
        library: What the images show; None where no library was declared: the names of folders
            and files are taken then.
    """
    images = chosen.selections
    meanings, untried = _meanings(images, library)
    return [
        finding(
            "image-for-each-line", _lines_missing(script, images),
            why="a line without an image shows the one before it, or nothing",
        ),
        finding(
            "images-can-be-opened", _unreadable(images),
            why="the film cannot be assembled, or has a black picture",
        ),
        finding(
            "image-of-the-right-character", _wrong(script, images, meanings, 0), untried=untried,
            why="viewers see one character speak with the voice of another",
        ),
        finding(
            "image-of-the-right-emotion", _wrong(script, images, meanings, 1), untried=untried,
            why="a face that does not fit what it says",
        ),
    ]  # fmt: skip


def judge_batch(one_by_one: Selections, batch: Selections, name: str, why: str) -> Finding:
    """Compare two selections that were made of the same state."""
    one = {each.number: each.image.name for each in one_by_one.selections}
    other = {each.number: each.image.name for each in batch.selections}
    faults = [
        f"line {number}: {one[number]} one by one, {other[number]} in a batch"
        for number in one
        if number in other and one[number] != other[number]
    ]
    lost = [n for n in one if n not in other] + [n for n in other if n not in one]
    faults += [f"line {number} is selected in one way alone" for number in lost]
    return finding(name, faults, why=why)


def _lines_missing(script: Script, images: Sequence[Selection]) -> list[str]:
    wanted, there = [line.number for line in script.lines], [each.number for each in images]
    faults = [f"line {number} has no image" for number in wanted if number not in there]
    faults += [f"line {x.number} was not found an image" for x in images if not x.is_found]
    faults += [f"line {n} has {c} images" for n, c in Counter(there).items() if c > 1]
    return faults + [f"line {n} is not in the script" for n in there if n not in wanted]


def _unreadable(images: Sequence[Selection]) -> list[str]:
    from PIL import Image, UnidentifiedImageError

    faults: dict[Path, str] = {}
    for each in images:
        if not each.is_found or each.image in faults:
            continue
        where = f"line {each.number}: {each.image.name}"
        try:
            with Image.open(each.image) as image:
                image.load()
                faults[each.image] = ""
        except FileNotFoundError:
            faults[each.image] = f"{where} is not there ({each.image.parent})"
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            faults[each.image] = f"{where} is no image that can be read: {error}"
    return [fault for fault in faults.values() if fault]


def _meanings(
    images: Sequence[Selection], library: Library | None
) -> tuple[dict[int, tuple[str, str]], str]:
    """Return what each line's image shows, and why nothing can be said of it."""
    if library is None:
        return {x.number: ("", "") for x in images}, (
            "no library_db was declared: what an image shows is not known"
        )
    unknown = [x for x in images if x.is_found and x.image.resolve() not in library]
    known = {x.number: library[x.image.resolve()] for x in images if x.image.resolve() in library}
    if unknown and not known:
        return {}, f"{unknown[0].image.name} and all others are not in the image library"
    return known | {x.number: ("", "") for x in unknown}, ""


def _wrong(
    script: Script, images: Sequence[Selection], meanings: Mapping[int, tuple[str, str]], part: int
) -> list[str]:
    said = {line.number: line for line in script.lines}
    kind = ("character", "emotion")[part]
    faults = []
    for each in images:
        line, shown = said.get(each.number), meanings.get(each.number)
        if line is None or shown is None:
            continue
        wanted = _wanted(line)[part]
        if not shown[part]:
            faults.append(f"line {each.number}: {each.image.name} is not in the image library")
        elif shown[part].casefold() != wanted.casefold():
            faults.append(
                f"line {each.number} of {line.character}, {line.emotion}, shows "
                f"{each.image.name}, which is of {kind} {shown[part]}"
            )
        elif (named := (each.character, each.emotion)[part]).casefold() != wanted.casefold():
            faults.append(f"line {each.number} names the {kind} {named}, the script {wanted}")
    return faults


def _wanted(line: Line) -> tuple[str, str]:
    return line.character, line.emotion
