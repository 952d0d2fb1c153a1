"""Images that the small pipeline has drawn by a diffusion model where its library has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_pipeline import SCRIPT, SELECTIONS, SmallPipeline

from proofbook_subjects.pipeline import diffusion

GENERATED = "data/images/generated"
LINES = [
    {"character": "Butcher", "text": "I like tea.", "emotion": "happy"},
    {"character": "Nutsy", "text": "I like nuts.", "emotion": "sad"},
    {"character": "Butcher", "text": "I like ham.", "emotion": "happy"},
]
SOURCES = "SELECT character, emotion, source, usage_count FROM image_library WHERE usage_count > 0"


@pytest.fixture
def short(pipeline: SmallPipeline) -> SmallPipeline:
    """A project whose library has no happy butcher, and a script that needs one twice."""
    for path in (pipeline.root / "data" / "images").glob("butcher_happy_*"):
        path.unlink()
    assert pipeline.run("init_databases").code == 0
    pipeline.write(SCRIPT, {"episode": "e", "lines": LINES})
    return pipeline


def chosen(pipeline: SmallPipeline) -> list[str]:
    """Return the images that were selected."""
    return [each["image_path"] for each in pipeline.json(SELECTIONS)["selections"]]


@pytest.mark.slow
def test_an_image_is_drawn_where_the_library_has_none(short: SmallPipeline):
    ran = short.again("select_images", IMAGE_SOURCE="generate")
    assert ran.code == 0, ran.err
    name = f"{GENERATED}/butcher_happy_generated-1.jpg"
    assert chosen(short) == [name, "data/images/nutsy_sad_1.jpg", name]
    wanted = [("butcher", "happy", "generated", 2), ("nutsy", "sad", "drawn", 1)]
    assert sorted(short.rows("image_library.db", SOURCES)) == wanted
    first = (short.root / name).read_bytes()

    # Again is the same again; a library that was lost knows generated images for what they are.
    assert short.run("select_images", SCRIPT, "--batch", "--generate").code == 0
    assert chosen(short)[0] == name
    assert sorted(short.rows("image_library.db", SOURCES)) == wanted
    (short.root / "data" / "image_library.db").unlink()
    assert short.run("init_databases").code == 0
    generated = "SELECT file_path FROM image_library WHERE source = 'generated'"
    assert short.rows("image_library.db", generated) == [(name,)]

    # A seed gives the same bytes; another seed, and another mood, give others.
    (short.root / name).unlink()
    draw = ("--character", "butcher", "--emotion")
    assert short.run("generate_character_image", *draw, "happy").code == 0
    assert short.run("generate_character_image", *draw, "happy", "--seed", "2").code == 0
    assert short.run("generate_character_image", *draw, "sad").code == 0
    assert (short.root / name).read_bytes() == first
    files = sorted((short.root / GENERATED).iterdir())
    assert len(files) == 3 and len({path.read_bytes() for path in files}) == 3


def test_without_being_asked_nothing_is_drawn(short: SmallPipeline):
    ran = short.again("select_images")
    assert (ran.code, ran.err.count("\n")) == (6, 1)
    assert "line 1: the library has no image of Butcher, happy" in ran.err
    assert not (short.root / GENERATED).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--character", "Butcher", "--emotion", "happy"), "differs only in case from 'butcher'"),
        (("--character", "butcher", "--emotion", "peckish"), "unknown emotion 'peckish'"),
        (
            ("--character", "butcher", "--emotion", "sad", "--model", "../../models"),
            "leaves the project",
        ),
        (
            ("--character", "butcher", "--emotion", "sad", "--model", "models/gone"),
            "there is no folder models/gone",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told(pipeline: SmallPipeline, arguments, said: str):
    ran = pipeline.run("generate_character_image", *arguments)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert said in ran.err


def test_a_missing_package_and_an_unknown_source_are_told(
    short: SmallPipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(diffusion, "_MODULES", ("no_such_module",))
    ran = short.again("select_images", IMAGE_SOURCE="generate")
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "pip install 'proofbook[dreambooth]'" in ran.err
    assert "FAIL images: images are" in short.run("validate_env", IMAGE_SOURCE="generate").out
    ran = short.again("select_images", IMAGE_SOURCE="camera")
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "IMAGE_SOURCE='camera' is none of library, generate" in ran.err
    assert not Path(short.root, GENERATED).exists()
