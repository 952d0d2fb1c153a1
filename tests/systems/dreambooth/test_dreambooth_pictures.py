"""Likeness tells what it should; progression, inference and configurations go red when broken."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth.drawing import draw_animal, draw_character, write_characters
from proofbook_systems.dreambooth.artefacts import (
    info_faults,
    picture_faults,
    validation_pictures,
)
from proofbook_systems.dreambooth.image_similarity import (
    compare_pictures,
    consistency,
    find_picture_faults,
    find_trend,
    join_pictures,
)
from proofbook_systems.dreambooth.inference import draw_with_command
from proofbook_systems.dreambooth.subjects import find_class_folder, find_trained

DRAWS = """
import sys
from pathlib import Path
from PIL import Image
from proofbook_subjects.dreambooth.drawing import draw_animal, draw_character
how, seed, number, output = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
if how == "fails":
    sys.exit("no such model")
for index in range(number if how != "few" else 1):
    draw = draw_animal if how == "other" else draw_character
    picture = draw(seed + index)
    if how == "black":
        picture = Image.new("RGB", (64, 64))
    if how == "changing":
        picture = Image.new("RGB", (64, 64), (90, 9, 200)) if index % 2 else picture
    if how == "random":
        import os
        picture.putpixel((0, 0), tuple(os.urandom(3)))
    picture.save(output / f"{index}.png")
"""


@pytest.fixture
def learnt(tmp_path: Path) -> Path:
    return write_characters(tmp_path / "learnt", 4)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A training whose validations come to look like the character."""
    model = tmp_path / "model"
    for step, draw in ((10, draw_animal), (20, draw_animal), (30, draw_character)):
        (model / f"validation-{step}").mkdir(parents=True)
        draw(40 + step).save(model / f"validation-{step}" / "00.png")
    return model


def saved(path: Path, picture: Image.Image) -> Path:
    picture.save(path)
    return path


def test_the_character_is_liker_to_itself_than_another_animal_is(
    tmp_path: Path, learnt: Path
) -> None:
    others = sorted(learnt.iterdir())
    same = compare_pictures(saved(tmp_path / "a.png", draw_character(40)), others)
    another = compare_pictures(saved(tmp_path / "b.png", draw_animal(40)), others)
    assert same.colour > another.colour + 0.2
    assert same.shape > another.shape
    assert compare_pictures(others[0], others) == pytest.approx((1, 1))
    assert consistency(others) > 0.5
    assert consistency(others[:1]) == 1


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    assert find_picture_faults(saved(tmp_path / "good.png", draw_animal(1))) == []
    assert find_picture_faults(saved(tmp_path / "b.png", Image.new("RGB", (9, 9)))) == [
        "b.png is black"]  # fmt: skip
    flat = Image.new("RGB", (9, 9), (200, 10, 10)).resize((9, 9))
    assert find_picture_faults(saved(tmp_path / "g.png", flat.convert("L"))) == [
        "g.png is one flat colour"]  # fmt: skip
    (tmp_path / "x.png").write_bytes(b"no")
    assert find_picture_faults(tmp_path / "x.png") == [
        "x.png cannot be read (UnidentifiedImageError)"]  # fmt: skip


def test_a_sheet_has_a_row_for_each_sequence(tmp_path: Path, learnt: Path) -> None:
    pictures = sorted(learnt.iterdir())
    sheet = join_pictures([pictures[:3], pictures[:2]], tmp_path / "in" / "sheet.png", side=20)
    assert Image.open(sheet).size == (60, 40)


def test_progress_is_green_and_asks_the_checklists_questions(
    run_cells: Callable[..., Any], trained: Path, learnt: Path
) -> None:
    found = run_cells("dreambooth/progression", trained=str(trained), instance_dir=str(learnt))
    assert found.error is None
    assert found.red == []
    questions = [record.name for record in found.records if record.kind == "question"]
    assert questions == [
        "basic-shape-at-10", "recognizable-at-20", "clear-at-30", "high-quality-at-30", "steady",
        "no-artefacts"]  # fmt: skip


def test_a_training_that_goes_nowhere_is_red(
    run_cells: Callable[..., Any], trained: Path, learnt: Path
) -> None:
    draw_animal(50).save(trained / "validation-30" / "00.png")
    Image.new("RGB", (64, 64)).save(trained / "validation-20" / "00.png")
    given = {"trained": str(trained), "instance_dir": str(learnt), "least_gain": 0.05}
    assert run_cells("dreambooth/progression", **given).red == [
        "step-20-pictures-sound", "comes-nearer"]  # fmt: skip


def test_a_likeness_that_comes_and_goes_is_no_going_away_and_a_steady_fall_is() -> None:
    steady = {20: [0.61, 0.49], 40: [0.50, 0.41], 60: [0.41, 0.28]}
    varying = {20: [0.61, 0.49], 40: [0.34, 0.37], 60: [0.58, 0.50]}
    assert find_trend(steady).most < 0
    assert find_trend(varying).gain < 0 < find_trend(varying).most
    assert find_trend({10: [0.5], 30: [0.4]}) == pytest.approx((-0.1, 0.0))


def test_pictures_that_go_away_step_by_step_are_red(
    run_cells: Callable[..., Any], trained: Path, learnt: Path
) -> None:
    going = {10: (draw_character, 30), 20: (draw_character, 10), 30: (draw_animal, 10)}
    for step, (draw, seed) in going.items():
        for number in range(2):
            draw(seed + 10 * number).save(trained / f"validation-{step}" / f"{number:02}.png")
    found = run_cells("dreambooth/progression", trained=str(trained), instance_dir=str(learnt))
    assert found.red == ["comes-nearer"]


def test_a_training_of_which_one_validation_alone_can_be_looked_at_is_not_green(
    run_cells: Callable[..., Any], trained: Path, learnt: Path
) -> None:
    for step in (20, 30):
        (trained / f"validation-{step}" / "00.png").write_bytes(b"no picture")
    found = run_cells("dreambooth/progression", trained=str(trained), instance_dir=str(learnt))
    assert found.red == ["step-20-pictures-sound", "step-30-pictures-sound"]
    assert found.checks["comes-nearer"].status == "skipped"


def test_one_validation_is_no_progress(
    run_cells: Callable[..., Any], trained: Path, learnt: Path
) -> None:
    for step in (20, 30):
        (trained / f"validation-{step}" / "00.png").unlink()
    found = run_cells("dreambooth/progression", trained=str(trained), instance_dir=str(learnt))
    assert found.red == ["validations-are-there"]


@pytest.fixture
def infer(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return a function that makes a command that draws, well or not."""
    script = tmp_path / "draws.py"
    script.write_text(DRAWS)
    return lambda how: [sys.executable, str(script), how, "{seed}", "{number}", "{output}"]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("how", "red"),
    [
        ("well", []),
        ("other", ["happy-consistent", "happy-like-the-character"]),
        ("changing", ["happy-consistent", "happy-like-the-character"]),
        ("random", ["same-seed-same-picture"]),
        ("black", ["happy-pictures-sound", "happy-like-the-character"]),
    ],
)
def test_what_a_model_draws_is_judged(
    run_cells: Callable[..., Any], infer: Callable[[str], list[str]], tmp_path: Path,
    learnt: Path, how: str, red: list[str],
) -> None:  # fmt: skip
    found = run_cells(
        "dreambooth/inference", trained=str(tmp_path), instance_dir=str(learnt),
        infer_command=infer(how), least_likeness=0.5, least_consistency=0.4,
    )  # fmt: skip
    assert found.error is None or red
    assert found.red == red


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["fails"], "the model's command exited with code 1: no such model"),
        (["few"], "the model's command left 1 of 2 pictures; see"),
        (["{pythn}"], "infer_command has {pythn}; there are {python}, {model}"),
        (["sleep", "60"], "the model's command took longer than 0.5 s; see"),
    ],
)
def test_a_command_that_does_not_draw_is_one_line(
    infer: Callable[[str], list[str]], tmp_path: Path, command: list[str], problem: str
) -> None:
    command = infer(command[0]) if command[0] in ("fails", "few") else command
    limit = 0.5 if "sleep" in command else 20
    with pytest.raises(SubjectError) as caught:
        draw_with_command(command, tmp_path, "x", tmp_path / "out", seed=1, number=2, timeout=limit)
    assert str(caught.value).startswith(problem)


def test_subjects_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    for call, problem in (
        (lambda: find_trained(str(tmp_path / "x"), ""), "does not exist; give the output folder"),
        (lambda: find_trained(str(tmp_path), ""), "instance_dir is empty; give the folder of"),
        (lambda: find_class_folder("", str(tmp_path)), "class_dir is empty; give the folder of"),
    ):
        with pytest.raises(SubjectError, match=problem):
            call()
    assert find_class_folder(str(tmp_path), "reference:butcher") == tmp_path


LEFT = {"steps": 30, "validation_every": 10, "validation_images": 1, "class_images": 2}
INFO = {"character": "x", "base_model": "b", "training_steps": 30, "instance_prompt": "p",
        "timestamp": "t"}  # fmt: skip


@pytest.fixture
def left(trained: Path, tmp_path: Path) -> dict[str, Any]:
    """The parameters for a training that has left all that it should."""
    write_characters(tmp_path / "class_images", 2)
    (trained / "model_info.json").write_text(json.dumps(INFO))
    return {"trained": str(trained), "class_dir": str(tmp_path / "class_images"), **LEFT}


def test_all_that_a_training_should_leave_is_green(
    run_cells: Callable[..., Any], left: dict[str, Any]
) -> None:
    done = run_cells("dreambooth/pictures", **left)
    assert done.error is None
    assert done.red == []
    questions = [record.name for record in done.records if record.kind == "question"]
    assert questions == ["shows-the-character"]


@pytest.mark.parametrize(
    ("changes", "red"),
    [
        ({"validation_every": 20}, ["validations-when-due"]),
        ({"validation_images": 2}, ["validations-when-due"]),
        ({"validation_every": 0}, ["validations-when-due"]),
        ({"class_images": 4}, ["class-images"]),
        ({"class_dir": "none"}, ["class-images"]),
        ({"info_file": "other.json"}, ["model-info"]),
        ({"info_keys": ["licence"]}, ["model-info"]),
        ({"steps": 30, "info_steps_key": "timestamp"}, ["model-info"]),
    ],
)
def test_what_a_training_has_not_left_is_red(
    run_cells: Callable[..., Any], left: dict[str, Any], changes: dict[str, Any], red: list[str]
) -> None:
    assert run_cells("dreambooth/pictures", **{**left, **changes}).red == red


def test_a_training_without_validations_asks_nothing(
    run_cells: Callable[..., Any], left: dict[str, Any]
) -> None:
    for folder in Path(left["trained"]).glob("validation-*"):
        shutil.rmtree(folder)
    done = run_cells("dreambooth/pictures", **{**left, "validation_every": 0})
    assert done.red == []
    assert not [record for record in done.records if record.kind == "question"]


def test_a_model_info_that_says_other_things_is_told(tmp_path: Path) -> None:
    path, keys = tmp_path / "model_info.json", ["character", "instance_prompt"]
    assert info_faults(path, keys, "steps", 3) == [
        "model_info.json cannot be read (FileNotFoundError)"]  # fmt: skip
    path.write_text('{"character": "x", "steps": 2}')
    assert info_faults(path, keys, "steps", 3) == [
        "instance_prompt is missing", "steps is 2, and 3 were made"]  # fmt: skip
    assert info_faults(path, ["character"], "", 3) == []
    path.write_text("[]")
    assert info_faults(path, keys, "steps", 3) == ["model_info.json is not a JSON object"]


def test_validation_pictures_that_show_nothing_are_told(tmp_path: Path) -> None:
    for step in (10, 20):
        folder = tmp_path / f"samples_{step}"
        folder.mkdir()
        for index in range(2):
            draw_character(step + index).save(folder / f"{index}.png")
    drawn = validation_pictures(tmp_path, "samples_*")
    assert (list(drawn), picture_faults(drawn)) == ([10, 20], [])
    Image.new("RGB", (64, 64)).save(tmp_path / "samples_10" / "0.png")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "samples_10" / "1.png")
    assert picture_faults(drawn) == ["samples_10/0.png is black", "samples_10/1.png is blank"]
    shutil.copy(tmp_path / "samples_20/0.png", tmp_path / "samples_20/1.png")
    shutil.copy(tmp_path / "samples_20/0.png", tmp_path / "samples_10/1.png")
    (tmp_path / "samples_10/0.png").write_bytes(b"x")
    unreadable, *others = picture_faults(drawn)
    assert unreadable.startswith("samples_10/0.png cannot be read: ")
    assert others == [
        "all pictures of step 20 are the same", "a picture of step 20 is the same as one of step 10"
    ]  # fmt: skip
