from __future__ import annotations

import os
import sys

import pytest

from proofbook.kernels.imports import differing, import_all, stale_file


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Make an importable module from source; it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def make(name: str, source: str):
        (tmp_path / f"{name}.py").write_text(source)
        made.append(name)
        return tmp_path / f"{name}.py"

    yield make
    for name in made:
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


def test_the_variables_that_an_import_read_are_known(module, monkeypatch):
    monkeypatch.setenv("PB_READ", "1")
    monkeypatch.setenv("PB_COPIED", "1")
    module(
        "pb_reads",
        "import os\nos.environ['PB_READ']; os.getenv('PB_ABSENT')\n"
        "os.environ.copy(); dict(os.environ.items()); 'PB_ASKED' in os.environ",
    )
    read = import_all(["pb_reads"], {}).read
    assert {"PB_READ", "PB_ABSENT", "PB_ASKED"} <= read
    assert "PB_COPIED" not in read
    assert type(os.environ).__getitem__.__qualname__ == "_Environ.__getitem__"


def test_an_environment_differs_only_in_what_the_imports_depend_on(module):
    module("pb_depends", "import os\nos.getenv('PB_READ'); os.getenv('PB_APPLIED')")
    imported = import_all(["pb_depends"], {"PB_READ": "1", "PYTHONPATH": "/a", "OTHER": "1"})
    same = {"PB_READ": "1", "PYTHONPATH": "/a", "OTHER": "2", "PB_APPLIED": "1", "TERM": "x"}
    applied = frozenset({"PB_APPLIED"})
    assert differing(imported, same, applied) == []
    changed = {**same, "PB_READ": "2", "PYTHONHASHSEED": "0", "LC_ALL": "C"}
    assert differing(imported, changed, applied) == ["LC_ALL", "PB_READ", "PYTHONHASHSEED"]
    del same["PB_READ"]
    assert differing(imported, same, applied) == ["PB_READ"]


def test_a_source_that_changed_since_its_import_is_found(module):
    path = module("pb_edited", "value = 1")
    imported = import_all(["pb_edited"], {})
    assert stale_file(imported) is None
    path.write_text("value = 22")
    assert stale_file(imported) == str(path)
    path.unlink()
    assert stale_file(imported) == str(path)
