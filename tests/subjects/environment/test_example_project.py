"""The example has keys that differ each time and that only their owner may read."""

from __future__ import annotations

from pathlib import Path

from proofbook_subjects.environment.project import write_project


def test_its_keys_are_random_and_their_owners_alone(tmp_path: Path):
    files = [write_project(tmp_path / name) / "config" / ".env" for name in ("a", "b")]
    assert [file.stat().st_mode & 0o077 for file in files] == [0, 0]
    assert files[0].read_text() != files[1].read_text()
    assert [line.split("=")[0] for line in files[0].read_text().splitlines()[1:]] == [
        "OPENAI_API_KEY", "ELEVENLABS_API_KEY",
    ]  # fmt: skip
