"""What is shown of a long output is its cause."""

from __future__ import annotations

from proofbook_systems.pipeline.integrations.messages import cause_fault

FRAME = 'Traceback (most recent call last):\n  File "pen.py", line 7, in <module>\n    load()\n'
DEEP = "/tmp/" + "a-folder-of-a-run/" * 9


def test_the_error_of_a_traceback_is_shown_and_not_its_last_line() -> None:
    error = "yaml.scanner.ScannerError: mapping values are not allowed here\n  in s.yaml\n       ^"
    assert "ScannerError: mapping values" in cause_fault(FRAME + error, ["script"])


def test_the_cause_behind_a_long_path_is_shown() -> None:
    said = cause_fault(f"{FRAME}OSError: cannot open {DEEP}films/e1.mp4: no space left", [])
    assert said.endswith("ends in 'OSError: cannot open …/e1.mp4: no space left'")
    said = cause_fault(f"error: {'x' * 400} no space left", ["quota"])
    assert said.endswith("no space left', which does not name the cause")
