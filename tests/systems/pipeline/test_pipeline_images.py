"""Selections: each line has an image that can be opened, of its character and its emotion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from proofbook_systems.pipeline.artefacts import Line, Script, Selection, Selections
from proofbook_systems.pipeline.end_to_end.images import judge_batch, judge_selections
from proofbook_systems.pipeline.findings import blamed

WHO, HOW = ("butcher", "nutsy"), ("happy", "grumpy")


@pytest.fixture
def library(tmp_path: Path) -> dict[Path, tuple[str, str]]:
    made = {}
    for who in WHO:
        for how in HOW:
            path = tmp_path / f"{who}_{how}.png"
            Image.new("RGB", (4, 8)).save(path)
            made[path.resolve()] = (who, how)
    return made


def make(folder: Path) -> tuple[Script, list[Selection]]:
    lines, images = [], []
    for n in range(1, 7):
        who, how = WHO[n % 2], HOW[n // 2 % 2]
        lines.append(Line(number=n, character=who.title(), text=f"Line {n}.", emotion=how))
        image = folder / f"{who}_{how}.png"
        images.append(
            Selection(number=n, character=who.title(), emotion=how, image=image, is_found=True)
        )
    script = Script(
        path=folder, episode="e", lines=tuple(lines), metadata={}, topics=(), form="lines"
    )
    return script, images


def judged(folder: Path, library: Any, change: Callable[[list[Selection]], object]) -> Any:
    script, images = make(folder)
    change(images)
    return judge_selections(script, Selections(path=folder, selections=tuple(images)), library)


def changed(number: int, **changes: Any) -> Callable[[list[Selection]], object]:
    def change(images: list[Selection]) -> None:
        images[number - 1] = replace(images[number - 1], **changes)

    return change


def shows(number: int, name: str) -> Callable[[list[Selection]], object]:
    def change(images: list[Selection]) -> None:
        old = images[number - 1]
        images[number - 1] = replace(old, image=old.image.parent / name)

    return change


def swap(images: list[Selection]) -> None:
    images[0], images[1] = (
        replace(images[0], image=images[1].image),
        replace(images[1], image=images[0].image),
    )


def test_right_selections_are_right(tmp_path: Path, library: Any) -> None:
    assert blamed(judged(tmp_path, library, list)) == []


def test_a_library_in_lower_case_is_right(tmp_path: Path, library: Any) -> None:
    """The real system keeps characters in lower case, and its scripts do not."""
    upper = {path: (who.upper(), how) for path, (who, how) in library.items()}
    assert blamed(judged(tmp_path, upper, list)) == []


def test_without_a_library_meanings_are_told_as_unknown(tmp_path: Path, library: Any) -> None:
    findings = judged(tmp_path, None, swap)
    assert blamed(findings) == []
    assert [bool(each.untried) for each in findings] == [False, False, True, True]


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (lambda x: x.pop(2), "image-for-each-line", "line 3 has no image"),
        (changed(3, is_found=False), "image-for-each-line", "line 3 was not found an image"),
        (lambda x: x.append(x[0]), "image-for-each-line", "line 1 has 2 images"),
        (lambda x: x.append(replace(x[0], number=9)), "image-for-each-line", "line 9 is not in"),
        (shows(2, "gone.png"), "images-can-be-opened", "line 2: gone.png is not there"),
        (swap, "image-of-the-right-character", "line 1 of Nutsy, happy, shows butcher_grumpy.png"),
        (shows(1, "nutsy_grumpy.png"), "image-of-the-right-emotion", "is of emotion grumpy"),
        (changed(1, character="Butcher"), "image-of-the-right-character", "names the character"),
        (changed(1, emotion="grumpy"), "image-of-the-right-emotion", "line 1 names the emotion"),
    ],
)
def test_a_planted_fault_is_named(
    tmp_path: Path, library: Any, change: Any, name: str, words: str
) -> None:
    findings = judged(tmp_path, library, change)
    assert name in blamed(findings)
    assert words in "; ".join(next(each.faults for each in findings if each.name == name))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nbroken", b"<html>"])
def test_what_is_no_image_is_named(tmp_path: Path, library: Any, content: bytes) -> None:
    (tmp_path / "nutsy_happy.png").write_bytes(content)
    findings = judged(tmp_path, library, list)
    assert "nutsy_happy.png is no image that can be read" in findings[1].faults[0]


def test_a_cut_off_image_is_named(tmp_path: Path, library: Any) -> None:
    path = tmp_path / "nutsy_happy.png"
    Image.effect_noise((60, 60), 50).save(path)
    path.write_bytes(path.read_bytes()[:-400])
    assert "nutsy_happy.png" in judged(tmp_path, library, list)[1].faults[0]


def test_an_image_outside_of_the_library_is_named(tmp_path: Path, library: Any) -> None:
    Image.new("RGB", (4, 8)).save(tmp_path / "stray.png")
    findings = judged(tmp_path, library, shows(1, "stray.png"))
    assert findings[2].faults == ["line 1: stray.png is not in the image library"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shows(2, "nutsy_happy.png"), "line 2: butcher_grumpy.png one by one, nutsy_happy.png"),
        (lambda x: x.pop(), "line 6 is selected in one way alone"),
    ],
)
def test_a_batch_that_differs_is_named(tmp_path: Path, change: Any, words: str) -> None:
    images, batch = make(tmp_path)[1], make(tmp_path)[1]
    change(batch)
    one, other = (Selections(path=tmp_path, selections=tuple(x)) for x in (images, batch))
    assert judge_batch(one, one, "batch", "why").faults == []
    assert words in judge_batch(one, other, "batch", "why").faults[0]
