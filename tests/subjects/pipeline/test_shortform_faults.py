"""Faults on demand: each kind has code behind it, bites, and is not there unless asked for."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from small_pipeline import SCRIPT, SELECTIONS, TIMELINE, VIDEO, SmallPipeline

from proofbook_subjects.pipeline import spoiling
from proofbook_subjects.pipeline.documents import Line
from proofbook_subjects.pipeline.faults import KINDS, Faults, read_faults
from proofbook_subjects.pipeline.sounds import RATE
from proofbook_subjects.pipeline.spoiling.images import SELECTIONS as IMAGES
from proofbook_subjects.pipeline.spoiling.mix import MIXES, spoil_mix
from proofbook_subjects.pipeline.spoiling.script import DOCUMENTS, FILES
from proofbook_subjects.pipeline.timelines import Plan, Shot

TABLES = {
    "audio": ("SOUNDS", "FILES", "TIMELINES"),
    "databases": ("FOLDERS",),
    "images": ("SELECTIONS",),
    "metrics": ("ROWS",),
    "mix": ("MIXES",),
    "script": ("DOCUMENTS", "FILES"),
    "trends": ("ROWS",),
    "video": ("CUES", "LOOKS", "FILES"),
}
STAGES = {"databases": "init", "mix": "video"}
ALL = [(stage, kind) for stage, kinds in KINDS.items() for kind in kinds]
"""Every kind."""
SELECTIONS_SPOILT = [kind for kind in IMAGES if kind != "batch_differs"]


def _tabled() -> set[tuple[str, str]]:
    found = set()
    for name, tables in TABLES.items():
        module = importlib.import_module(f"{spoiling.__name__}.{name}")
        for table in tables:
            found |= {(STAGES.get(name, name), kind) for kind in getattr(module, table)}
    return found


def test_there_are_more_than_sixty_kinds_over_all_steps():
    own = [kind for _, kind in ALL if kind not in KINDS["init"] or kind.startswith("no_")]
    assert len(own) > 100
    assert set(KINDS) >= {"validate", "trends", "script", "audio", "images", "video", "metrics"}


def test_every_kind_of_a_table_is_declared():
    assert _tabled() <= set(ALL)


def test_every_kind_has_code_behind_it():
    package = Path(spoiling.__file__).parents[1]
    sources = [path for path in package.rglob("*.py") if path.name != "faults.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    assert [kind for kind in ALL if kind not in _tabled() and f'"{kind[1]}"' not in text] == []


@pytest.mark.parametrize("text", ["audio", "audio=gone", "sound=silent", "video=silent:3", "=x"])
def test_what_cannot_be_read_is_refused(text: str):
    with pytest.raises(ValueError, match=r"fault|stage"):
        read_faults(text)


def test_values_and_defaults_are_read():
    faults = read_faults("audio=silent_line:5, video=late_sound;video=no_sound")
    assert faults.of("audio") == {"silent_line": 5.0}
    assert faults.of("video") == {"late_sound": 0.2, "no_sound": 0.0}


def test_a_wrong_fault_stops_the_command(pipeline: SmallPipeline):
    ran = pipeline.run("init_databases", PIPELINE_FAULTS="audio=deaf")
    assert (ran.code, "audio has no fault 'deaf'" in ran.err) == (3, True)


def _plan(count: int = 4) -> Plan:
    here = Path("x")
    shots = [
        Shot(
            line=Line(number=n, character="Butcher" if n % 2 else "Nutsy", text="x", emotion="sad"),
            image=here, audio=here, start=float(n - 1), duration=1.0,
        )
        for n in range(1, count + 1)
    ]  # fmt: skip
    return Plan(episode="e", script_hash="", shots=tuple(shots), total=float(count))


@pytest.mark.parametrize("kind", MIXES)
def test_every_fault_of_the_sound_changes_it(kind: str):
    rng = np.random.default_rng(1)
    mix = (0.3 * rng.standard_normal(4 * RATE)).clip(-1, 1).astype(np.float32)
    declared = KINDS["video"][kind].value or 0.0
    spoilt = spoil_mix(Faults({("video", kind): declared}), mix, _plan())
    assert len(spoilt) != len(mix) or not np.array_equal(spoilt, mix)
    assert np.abs(spoilt).max() <= 4
    assert np.array_equal(spoil_mix(Faults(), mix, _plan()), mix)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("stage", "fault", "path"),
    [
        *(("generate_script", f"script={kind}", SCRIPT) for kind in (*DOCUMENTS, *FILES)),
        *(("select_images", f"images={kind}", SELECTIONS) for kind in SELECTIONS_SPOILT),
    ],
)
def test_every_fault_of_a_document_changes_it(
    pipeline: SmallPipeline, stage: str, fault: str, path: str
):
    pipeline.patch.setenv("VOICE_ENGINE", "none")
    for name in ("init_databases", "fetch_trends", "generate_script", "select_images"):
        assert pipeline.again(name).code == 0
    right = (pipeline.root / path).read_text()
    assert pipeline.again(stage, PIPELINE_FAULTS=fault).code == 0
    spoilt = (pipeline.root / path).read_text(errors="replace")
    same_but_for_times = [line for line in spoilt.splitlines() if "created_at" not in line]
    assert same_but_for_times != [line for line in right.splitlines() if "created_at" not in line]


def test_a_careless_film_closes_the_gap_of_a_line_that_failed(pipeline: SmallPipeline):
    faults = {"PIPELINE_FAULTS": "audio=closed_gap:2"}
    pipeline.run_to("select_images", **faults)
    assert len(pipeline.json(TIMELINE)["lines"]) == 3
    refused = pipeline.again("assemble_video", **faults)
    assert (refused.code, "run select_images.py" in refused.err) == (2, True)
    taken = pipeline.again("assemble_video", PIPELINE_FAULTS="video=careless")
    assert taken.code == 0
    assert (pipeline.root / VIDEO).is_file()


def test_the_batch_can_select_other_images(pipeline: SmallPipeline):
    pipeline.run_to("select_images")
    right = pipeline.json(SELECTIONS)
    faults = {"PIPELINE_FAULTS": "images=batch_differs"}
    pipeline.run("select_images", SCRIPT, **faults)
    assert pipeline.json(SELECTIONS) == right
    pipeline.run("select_images", SCRIPT, "--batch", **faults)
    assert pipeline.json(SELECTIONS) != right


@pytest.mark.parametrize(("fault", "code"), [("exit_zero", 0), ("exit_one", 1), ("nothing", 0)])
def test_a_stage_can_end_otherwise(pipeline: SmallPipeline, fault: str, code: int):
    ran = pipeline.run("generate_audio", "gone.json", PIPELINE_FAULTS=f"audio={fault}")
    assert ran.code == (2 if fault == "exit_one" else code)


def test_a_full_disk_keeps_the_older_film(filmed: SmallPipeline):
    pipeline = filmed
    film = (pipeline.root / VIDEO).read_bytes()
    ran = pipeline.again("assemble_video", PIPELINE_FAULTS="video=disk_full")
    assert (ran.code, "the disk is full; nothing was changed there" in ran.err) == (7, True)
    assert (pipeline.root / VIDEO).read_bytes() == film
    assert list((pipeline.root / "data").rglob("*.part")) == []
    failed = "SELECT status FROM generation_metrics WHERE stage = 'video'"
    assert pipeline.rows("metrics.db", failed) == [("failed",)]
