"""Servers that answer with speech at once: right ones are green, and a planted defect is named."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from executed_cells import Executed
from waiting import HANG

from proofbook.errors import ChecksFailed

pytestmark = pytest.mark.slow

RUNBOOK = "ttsserver/speech_server"
PROGRAM = Path(__file__).with_name("scripted_speech.py")
TEXTS = [
    "Seven.",
    "A fox jumps over a dog.",
    "Every sentence is said, from the first word to the last.",
]
GET = """
title: a GET
health: {path: /}
speak: {path: /say, query: {text: "{text}", voice: "{voice}", speed: "{speed}"}}
voices: {path: /voices}
waived: {refuses-broken-body: its request has no body}
"""
OPENAI_SKIPS = {"voices-listed", "ends-with-parent"}


@pytest.fixture
def go(
    run_cells: Callable[..., Executed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Executed]:
    """Return a function that runs the runbook on the scripted server."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr("proofbook_systems.serving.server._LINGER", 0.3)
    # What is drawn is the business of other tests.
    for view in ("draw_waveform", "draw_spectrogram"):
        monkeypatch.setattr(f"proofbook.media.drawing.{view}", lambda *_: b"a picture")

    def run(defect: str = "", **options: object) -> Executed:
        usual = {
            "project": str(tmp_path), "command": f"{sys.executable} {PROGRAM} {{port}}",
            "voices": ["ann", "bob"], "texts": TEXTS, "repeatable": True, "repetitions": 6,
            "timeout_health": HANG, "environment": {"DEFECT": defect},
        }  # fmt: skip
        found = run_cells(RUNBOOK, **{**usual, **options})
        found.names["speaker"].stop()
        assert list(temporary.iterdir()) == []
        return found

    return run


def skipped(found: Executed) -> set[str]:
    return {name for name, check in found.checks.items() if check.status == "skipped"}


@pytest.mark.exhaustive
def test_a_right_server_of_openais_shape_is_green(go: Callable[..., Executed]) -> None:
    found = go()
    assert (found.error, found.red) == (None, [])
    assert skipped(found) == OPENAI_SKIPS


@pytest.mark.exhaustive
def test_a_right_server_that_is_asked_by_get_is_green(
    go: Callable[..., Executed], tmp_path: Path
) -> None:
    contract = tmp_path / "get.yaml"
    contract.write_text(GET)
    found = go(contract=str(contract))
    assert (found.error, found.red) == (None, [])
    assert skipped(found) == {"refuses-broken-body", "ends-with-parent"}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("defect", "check", "words", "also"),
    [
        ("silent", "2-bob-1-speaks", "silent", {"2-bob-2-speaks", "2-bob-3-speaks"}),
        ("rate", "one-format", "is 4000 Hz, .* is 8000 Hz|4000 Hz",
         {"whole-texts", "plausible-pace"}),
        ("truncates", "whole-texts", "some of it is not said", {"plausible-pace"}),
        ("one-voice", "voices-differ", "sound exactly alike", set()),
        ("one-speed", "speed-is-heeded", "at speed 1.5 it lasts", set()),
        ("swaps", "alone-in-company", "exactly what 1-ann-", set()),
        ("stale", "texts-differ", "say different texts, and sound exactly alike",
         {"same-again", "whole-texts", "voices-differ", "speed-is-heeded", "alone-in-company",
          "plausible-pace", "speaks-after-refusals"}),
        ("type", "called-audio", "a wav file is called audio/mpeg", set()),
        ("leaks", "memory-settles", r"each request adds \d\.\d MB", set()),
        ("error-500", "refuses-empty-text", r"answers 500 \(nothing to say\)",
         {"refuses-missing-text", "refuses-unknown-voice"}),
        ("accepts", "refuses-unknown-voice", "as if that were right, with application/json",
         {"refuses-missing-text", "refuses-empty-text"}),
        ("stubborn", "ends-when-asked", "after SIGTERM it still ran", set()),
        ("leaves-child", "nothing-left", "sleep", set()),
        ("shares-port", "second-start", "it still ran after", set()),
    ],
)  # fmt: skip
def test_a_planted_defect_is_found_and_named(
    go: Callable[..., Executed], defect: str, check: str, words: str, also: set[str]
) -> None:
    bounds = {"stubborn": {"shutdown_bound": 0.5}, "shares-port": {"timeout_health": 8.0}}
    found = go(defect, **bounds.get(defect, {}))
    assert check in found.red
    assert set(found.red) <= {check, *also}
    assert re.search(words, str(found.checks[check].actual))


@pytest.mark.exhaustive
def test_a_server_that_hangs_after_a_wrong_request_is_red(go: Callable[..., Executed]) -> None:
    found = go("stuck", timeout_row=3.0, timeout_refusal=3.0)
    assert found.red == ["speaks-after-refusals"]
    assert "no answer within 3 s" in str(found.checks["speaks-after-refusals"].actual)


@pytest.mark.exhaustive
def test_where_nothing_is_said_one_finding_a_row_is_enough(go: Callable[..., Executed]) -> None:
    found = go("error-as-speech")
    rows = [name for name in found.checks if name.endswith("-speaks")]
    assert found.red == rows
    assert "is application/json instead of audio" in str(found.checks[rows[0]].actual)
    assert {"same-again", "alone-in-company", "speed-is-heeded"} <= skipped(found)


@pytest.mark.exhaustive
def test_voices_that_cannot_be_made_are_red_and_no_error(
    go: Callable[..., Executed], tmp_path: Path
) -> None:
    contract = tmp_path / "profiles.yaml"
    contract.write_text(f"{GET}profiles: {{create: {{method: POST, path: /nowhere}}}}\n")
    found = go(contract=str(contract))
    rows = [name for name in found.checks if name.endswith("-speaks")]
    assert isinstance(found.error, ChecksFailed)
    assert found.red == ["voices-ready", *rows]
    assert {"speaks-after-refusals", "refuses-empty-text"} <= skipped(found)
