from __future__ import annotations

import sys

import pytest

from proofbook.kernels.imports import import_all, stale_file


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Make an importable module from source; it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def make(name: str, source: str):
        (tmp_path / f"{name}.py").write_text(source)
        names.append(name)
        return tmp_path / f"{name}.py"

    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_what_cannot_be_imported_is_left_out_and_named(module):
    module("pb_broken", "raise ZeroDivisionError('at import')")
    imported = import_all(["pb_broken", "pb_missing", "json:no_such", "json:loads"], {})
    assert [w.split(" ")[0] for w in imported.warnings] == [
        "pb_broken",
        "pb_missing",
        "json:no_such",
    ]
    assert "ZeroDivisionError: at import" in imported.warnings[0]
    assert "json:loads" in imported.seconds


def test_a_module_that_leaves_a_thread_is_named(module):
    module(
        "pb_thread",
        "import threading\nwait = threading.Event()\n"
        "thread = threading.Thread(target=wait.wait, daemon=True)\nthread.start()",
    )
    imported = import_all(["json", "pb_thread", "json:loads"], {})
    sys.modules["pb_thread"].wait.set()
    sys.modules["pb_thread"].thread.join()
    assert [w.partition(",")[0] for w in imported.warnings] == ["pb_thread leaves threads running"]


def test_a_source_that_changed_since_its_import_is_found(module):
    path = module("pb_edited", "value = 1")
    imported = import_all(["pb_edited"], {})
    assert stale_file(imported) is None
    path.write_text("value = 22")
    assert stale_file(imported) == str(path)
    path.unlink()
    assert stale_file(imported) == str(path)


@pytest.mark.parametrize(("preload", "times"), [(["proofbook.checks"], 1), (["json"], 0)])
def test_checks_that_are_preloaded_are_rehearsed(monkeypatch, preload, times):
    rehearsals = []
    monkeypatch.setattr("proofbook.checks.rehearsal.rehearse", lambda: rehearsals.append(1))
    import_all(preload, {})
    assert len(rehearsals) == times
