"""A growing notebook is saved whole, without secrets, and at a bounded cost."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from proofbook.runner.recording import NotebookRecorder
from proofbook.runs.redaction import Redactor


def grown(cells: int) -> nbformat.NotebookNode:
    nb = nbformat.v4.new_notebook()
    for i in range(cells):
        cell = nbformat.v4.new_code_cell(f"print({i})")
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"é {i}\n" * 3)]
        nb.cells.append(cell)
    return nb


def recorder(nb: nbformat.NotebookNode, path: Path | None, **kwargs: object) -> NotebookRecorder:
    return NotebookRecorder(nb, path, Redactor({}), **kwargs)  # type: ignore[arg-type]


def test_what_is_saved_is_the_same_notebook(tmp_path: Path) -> None:
    nb, path = grown(3), tmp_path / "n.ipynb"
    recorder(nb, path).save()
    saved = nbformat.read(path, as_version=4)
    nbformat.validate(saved)
    assert saved == nb


def test_an_empty_notebook_is_valid_too(tmp_path: Path) -> None:
    recorder(grown(0), tmp_path / "n.ipynb").save()
    assert nbformat.read(tmp_path / "n.ipynb", as_version=4).cells == []


def test_a_changed_cell_is_written_anew_and_an_unchanged_one_is_not_read(tmp_path: Path) -> None:
    nb, path = grown(2), tmp_path / "n.ipynb"
    rec = recorder(nb, path)
    rec.save()
    nb.cells[0].source = "changed"
    nb.cells[1].source = "changed without a word"
    rec.changed(0)
    rec.save()
    assert [c.source for c in nbformat.read(path, as_version=4).cells] == ["changed", "print(1)"]


def test_saves_take_a_small_share_of_the_time(tmp_path: Path) -> None:
    times = iter([0.0, 0.0, 1.0, 5.0, 34.0, 35.0, 35.0, 36.0])
    path = tmp_path / "n.ipynb"
    rec = recorder(grown(1), path, clock=lambda: next(times))
    rec.save_if_due()  # looks at 0, takes from 0 to 1: nothing before 34.3
    path.unlink()
    rec.changed(0)
    rec.save_if_due()  # 5
    rec.save_if_due()  # 34
    assert not path.exists()
    rec.save_if_due()  # 35
    assert path.exists()


def test_nothing_is_saved_where_nothing_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    rec = recorder(grown(1), path, clock=lambda: 0.0)
    rec.save()
    path.unlink()
    rec.save_if_due()
    assert not path.exists()


def test_a_secret_in_a_cell_or_in_the_metadata_is_not_written(tmp_path: Path) -> None:
    nb, path = grown(1), tmp_path / "n.ipynb"
    nb.cells[0].outputs[0].text = 'the "planted" token'
    nb.metadata.papermill = {"parameters": {"x": 'the "planted" token'}}
    redact = Redactor.from_environment({"A_TOKEN": 'the "planted" token'})
    NotebookRecorder(nb, path, redact).save()
    assert "planted" not in path.read_text()
    nbformat.validate(nbformat.read(path, as_version=4))


def test_a_save_that_fails_leaves_the_last_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nb, path = grown(1), tmp_path / "n.ipynb"
    rec = recorder(nb, path)
    rec.save()
    before = path.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        rec.save()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
