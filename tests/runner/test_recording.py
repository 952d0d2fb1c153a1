"""A growing notebook is saved whole, without secrets, and at a bounded cost."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from proofbook.runner.recording import NotebookRecorder, write_to
from proofbook.runs.redaction import Redactor


def grown(cells: int) -> nbformat.NotebookNode:
    nb = nbformat.v4.new_notebook()
    for i in range(cells):
        cell = nbformat.v4.new_code_cell(f"print({i})")
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"é {i}\n" * 3)]
        nb.cells.append(cell)
    return nb


def recorder(nb: nbformat.NotebookNode, path: Path, **kwargs: object) -> NotebookRecorder:
    return NotebookRecorder(nb, write_to(path), Redactor({}), **kwargs)  # type: ignore[arg-type]


class Failing:
    """Writes, while it is not broken."""

    def __init__(self) -> None:
        self.broken = False
        self.texts: list[str] = []

    def __call__(self, text: str, *, sync: bool) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.texts.append(text)


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
    times = iter([0.0, 1.0, 5.0, 34.0, 35.0, 35.0, 36.0])
    path = tmp_path / "n.ipynb"
    rec = recorder(grown(1), path, clock=lambda: next(times))
    rec.save_step()  # takes from 0 to 1: nothing before 34.3
    path.unlink()
    rec.changed(0)
    rec.save_step()  # 5
    rec.autosave()  # 34
    assert not path.exists()
    rec.autosave()  # 35
    assert path.exists()


def test_nothing_is_saved_where_nothing_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    rec = recorder(grown(1), path, clock=lambda: 0.0)
    rec.save()
    path.unlink()
    rec.save_step()
    rec.autosave()
    assert not path.exists()


def test_an_interval_holds_between_the_saves_of_a_running_cell() -> None:
    now, write = [0.0], Failing()
    rec = NotebookRecorder(grown(1), write, Redactor({}), every=10, clock=lambda: now[0])
    rec.save_step()
    for now[0] in range(1, 31):
        rec.changed(0)
        rec.autosave()
    assert len(write.texts) == 1 + 3


def test_an_interval_of_0_saves_only_between_cells() -> None:
    now, write = [0.0], Failing()
    rec = NotebookRecorder(grown(1), write, Redactor({}), every=0, clock=lambda: now[0])
    rec.save_step()
    now[0] = 1000.0
    rec.changed(0)
    rec.autosave()
    assert len(write.texts) == 1
    rec.save_step()
    assert len(write.texts) == 2


def test_each_step_is_saved_where_that_is_asked_for() -> None:
    times, write = iter(range(0, 1000, 10)), Failing()
    rec = NotebookRecorder(grown(1), write, Redactor({}), each_step=True, clock=lambda: next(times))
    for _ in range(3):
        rec.changed(0)
        rec.save_step()
    assert len(write.texts) == 3


def test_a_disk_that_is_full_for_a_moment_costs_one_save() -> None:
    now, write = [0.0], Failing()
    rec = NotebookRecorder(grown(1), write, Redactor({}), clock=lambda: now[0])
    rec.save_step()
    write.broken = True
    rec.changed(0)
    rec.autosave()
    rec.save_step()
    write.broken = False
    now[0] = 2.0
    rec.autosave()
    assert len(write.texts) == 2


def test_the_first_and_the_last_save_must_succeed() -> None:
    write = Failing()
    rec = NotebookRecorder(grown(1), write, Redactor({}))
    write.broken = True
    with pytest.raises(OSError, match="No space"):
        rec.save_step()
    write.broken = False
    rec.save_step()
    write.broken = True
    with pytest.raises(OSError, match="No space"):
        rec.save()


def test_a_secret_in_a_cell_or_in_the_metadata_is_not_written(tmp_path: Path) -> None:
    nb, path = grown(1), tmp_path / "n.ipynb"
    nb.cells[0].outputs[0].text = 'the "planted" token'
    nb.metadata.papermill = {"parameters": {"x": 'the "planted" token'}}
    redact = Redactor.from_environment({"A_TOKEN": 'the "planted" token'})
    NotebookRecorder(nb, write_to(path), redact).save()
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
