"""What a forkserver does once for all kernels, and must not leave behind."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from proofbook.checks import rehearsal
from proofbook.checks.rehearsal import rehearse
from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.names import secrecy_of


def test_a_rehearsal_leaves_no_file_text_or_hook(monkeypatch, tmp_path: Path, capsys):
    monkeypatch.chdir(tmp_path)
    hooks = threading.excepthook, sys.excepthook
    rehearse()
    assert (threading.excepthook, sys.excepthook) == hooks
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_what_was_rehearsed_is_still_learnt_as_new_by_each_redactor(monkeypatch):
    monkeypatch.setenv("REHEARSED_TOKEN", "s3cr3t-Zq81mP0x")
    rehearse()
    for redact in (Redactor({}), Redactor({})):
        new = redact.learn([("REHEARSED_TOKEN", "s3cr3t-Zq81mP0x")])
        assert new == {"s3cr3t-Zq81mP0x": "REHEARSED_TOKEN"}
        assert redact("it is s3cr3t-Zq81mP0x") == "it is [redacted:REHEARSED_TOKEN]"


def test_a_rehearsal_has_read_the_names_of_the_environment(monkeypatch):
    monkeypatch.setenv("ONLY_REHEARSED_NAME", "17")
    rehearse()
    before = secrecy_of.cache_info().misses
    secrecy_of("ONLY_REHEARSED_NAME")
    assert secrecy_of.cache_info().misses == before


def test_a_rehearsal_goes_through_every_record_and_every_text(monkeypatch):
    seen: list[str] = []
    dumped = rehearsal.redact_record
    monkeypatch.setattr(
        rehearsal, "redact_record",
        lambda redact, record: seen.append(record.kind) or dumped(redact, record),
    )  # fmt: skip
    cleaned = Redactor.__call__
    monkeypatch.setattr(
        Redactor, "__call__",
        lambda self, text: seen.append("html" if "<" in text else "") or cleaned(self, text),
    )  # fmt: skip
    rehearse()
    assert [each for each in seen if each] == ["begin", "check", "finish", "html", "html"]
