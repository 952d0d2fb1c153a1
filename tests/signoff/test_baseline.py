"""The last approved take of each piece of evidence."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from reviewed_run import ANN, START, answer_to, approve_all, make_run, session_of

from proofbook.signoff.baseline import find_baselines


def test_a_run_that_cannot_be_read_hides_no_baseline(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outputs = tmp_path / "outputs"
    broken = make_run(outputs, "20260305-090000-demo-bbbb")
    for run in (make_run(outputs), broken):
        approve_all(run)
    broken.info_file.write_text("{")
    with caplog.at_level("WARNING", "proofbook.runs"):
        assert len(find_baselines(outputs)) == len(find_baselines(outputs)) == 4
    (message,) = caplog.messages
    assert message.startswith(f"left out: {broken.info_file} cannot be read: ")


def test_an_approved_take_is_the_baseline_of_the_next_run(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    first = make_run(outputs, "20260304-090000-demo-aaaa")
    approve_all(first)
    # Its clock was set back: runs are in the order of their names.
    second = make_run(outputs, "20260305-090000-demo-bbbb", hertz=500,
                      started=START - timedelta(days=1))  # fmt: skip
    assert find_baselines(outputs, before=first.path.name) == {}
    found = find_baselines(outputs, before=second.path.name)
    takes = {("clip", "clip"), ("scored", "other"), ("looks", "picture"), ("looks", "story")}
    assert {key[1:] for key in found} == takes
    assert found["demo/clip", "clip", "clip"].run_id == first.path.name
    approve_all(second)
    assert find_baselines(outputs)["demo/clip", "clip", "clip"].run_id == second.path.name
    session_of(second).answer(answer_to(second, "clip", "good", "rejected"), ANN)
    assert find_baselines(outputs)["demo/clip", "clip", "clip"].run_id == first.path.name
