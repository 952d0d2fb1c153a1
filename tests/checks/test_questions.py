"""The form of a question must fit what it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.checks import Checks
from proofbook.checks.journal import Journal
from proofbook.errors import UsageError


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
