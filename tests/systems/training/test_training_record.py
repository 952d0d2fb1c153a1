"""A record of a training is read as it was written, and anything else is one line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.training.gpu_watch import GpuReading, GpuUse
from proofbook_systems.training.record import read_record, write_record
from proofbook_systems.training.running import Ended, MemorySample
from proofbook_systems.training.steps import Step

READINGS = [GpuReading(97.0, 9000.0, 70.0, 300.5), GpuReading(0.0, 9100.0, 71.0, math.nan)]
ENDED = Ended(
    code=0, state="exited with code 0", steps=[Step(1, 0.1 + 0.2, 5e-6), Step(2, None, None)],
    printed="Schritt 1 läuft\r", seconds=3.5, memory=[MemorySample(0.1, 1, 10**9, 0.3)],
    gpu=GpuUse(name="RTX", memory_gb=24.0, readings=READINGS), advice=["lower it"],
)  # fmt: skip


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = read_record(str(write_record(ENDED, tmp_path / "training.json")))
    assert repr(record) == repr(ENDED)  # NaN is not equal to itself
    assert record.steps[0].loss == 0.1 + 0.2
    assert record.gpu is not None
    assert (record.gpu.largest("memory"), record.gpu.largest("power")) == (9100, 300.5)
    assert record.gpu.utilisation() == 97


def test_a_loss_that_is_not_finite_is_kept(tmp_path: Path) -> None:
    broken = Ended(code=1, state="", steps=[Step(1, math.nan, math.inf)], printed="", seconds=1)
    (step,) = read_record(str(write_record(broken, tmp_path / "r"))).steps
    assert step.loss is not None and math.isnan(step.loss)
    assert step.lr == math.inf


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            None,
            r"^record \S+r cannot be read \(No such file or directory\); give what ",
        ),
        (b"", r"^record \S+r is not the record of a training; "),
        (b"{}", r"^record \S+r is not the record of a training; code: Field required$"),
        (b'{"code": "x"}', r"^record \S+r is not the record of a training; code: Input should be"),
    ],
)
def test_anything_else_is_one_line(tmp_path: Path, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "r").write_bytes(content)
    with pytest.raises(SubjectError, match=problem):
        read_record(str(tmp_path / "r"))


def test_an_empty_name_says_what_to_give() -> None:
    with pytest.raises(SubjectError, match=r"^record is empty; give what training/train leaves as"):
        read_record("")
