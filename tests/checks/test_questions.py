"""The form of a question must fit what it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.checks import Checks
from proofbook.checks.journal import Journal
from proofbook.checks.questions import make_question
from proofbook.errors import UsageError
from proofbook.records import Evidence, MediaFile


def test_a_questions_form_must_fit(tmp_path: Path) -> None:
    checks = Checks("a/b", journal=Journal(folder=tmp_path, media=tmp_path))
    checks.ask("scores", "How?", form="score", criteria=["melody"], role="editor")
    for problem, more in (
        ("two questions are called 'scores'", {"name": "scores"}),
        ("criteria belong to the form 'score'", {"name": "b", "form": "score"}),
        ("criteria belong to the form 'score'", {"name": "c", "criteria": ["x"]}),
        ("is about one piece of evidence", {"name": "d", "form": "ab"}),
    ):
        with pytest.raises(UsageError, match=problem):
            checks.ask(**{"text": "?", **more})  # type: ignore[arg-type]


def test_a_question_is_recorded_as_it_was_asked(tmp_path: Path) -> None:
    piece = Evidence(
        name="e",
        media_kind="audio",
        file=MediaFile(sha256="0" * 64, suffix=".wav", size=1, media_type="audio/wav"),
    )
    asked = make_question(
        "q", "Which?", [piece], form="abx", criteria=(), role="editor", required=False
    )
    assert asked.model_dump(exclude={"time", "cell"}) == {
        "kind": "question", "name": "q", "text": "Which?", "about": ("0" * 64,), "form": "abx",
        "criteria": (), "role": "editor", "required": False, "status": "pending",
    }  # fmt: skip
    with pytest.raises(UsageError, match="one piece"):
        make_question("q", "?", [piece] * 2, form="ab", criteria=(), role="", required=True)
