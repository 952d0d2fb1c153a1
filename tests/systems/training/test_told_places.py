"""Losses are found wherever a training tells them, and places that disagree are named."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from proofbook_systems.training.running import Ended
from proofbook_systems.training.told_places import (
    Place,
    disagreement,
    find_places,
    table_of,
    why_uncompared,
)
from proofbook_systems.training.wandb_files import read_wandb

BLOCK = 32768


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def history(step: int, loss: float) -> bytes:
    """A record as W&B 0.31 writes it: a number, and a history of nested keys."""
    values = {"loss": loss, "_step": step, "note": "x" * 50}
    items = b"".join(
        field(1, field(2, key.encode()) + field(16, json.dumps(value).encode()))
        for key, value in values.items()
    )
    return b"\x08" + varint(step) + field(2, items)


def write_wandb(path: Path, records: list[bytes]) -> None:
    """A file of LevelDB's log format: blocks of 32 KiB, records in pieces where they cross one."""
    out = bytearray(b":W&B\xbe\xe1\x00")
    for record in records:
        first = True
        while record or first:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                continue
            piece, record = record[: left - 7], record[left - 7 :]
            kind = (1 if not record else 2) if first else (4 if not record else 3)
            out += struct.pack("<IHB", 0, len(piece), kind) + piece
            first = False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(out))


def test_a_run_of_wandb_is_read_across_blocks_and_without_its_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "wandb" / "run.wandb"
    write_wandb(path, [history(step, 6 / step) for step in range(1, 901)])
    assert path.stat().st_size > 2 * BLOCK
    assert read_wandb(path) == {step: 6 / step for step in range(1, 901)}
    path.write_bytes(path.read_bytes()[:-30])
    assert len(read_wandb(path)) == 899


def told(output: Path, printed: dict[int, float], logged: dict[int, float]) -> Ended:
    (output / "log.jsonl").write_text(
        "".join(f"{json.dumps({'step': n, 'loss': loss})}\n" for n, loss in logged.items())
    )
    lines = "".join(f"step {n}: loss {loss:.3f}\n" for n, loss in printed.items())
    return Ended(code=0, state="exited with code 0", steps=[], printed=lines, seconds=1.0)


LOSSES = {step: 6.0 / step for step in range(1, 13)}


def test_all_places_are_found_and_agree_within_their_digits(tmp_path: Path) -> None:
    ended = told(tmp_path, LOSSES, LOSSES)
    write_wandb(tmp_path / "wandb" / "r.wandb", [history(n, loss) for n, loss in LOSSES.items()])
    places = find_places(ended, tmp_path)
    assert [place.kind for place in places] == ["printed", "JSON lines", "W&B"]
    assert disagreement(places) == ""
    assert "JSON lines (log.jsonl): 12 losses, steps 1 to 12" in table_of(places)


def test_a_place_that_tells_another_loss_is_named(tmp_path: Path) -> None:
    ended = told(tmp_path, {n: 2 * loss for n, loss in LOSSES.items()}, LOSSES)
    assert disagreement(find_places(ended, tmp_path)) == "step 1: 6 in JSON lines, 12 in printed"


def test_a_place_that_counts_from_0_agrees_with_one_that_counts_from_1(tmp_path: Path) -> None:
    """As Lightning's events and its bar do; other losses are others in any way to count."""
    later = {step - 1: loss for step, loss in LOSSES.items()}
    assert disagreement(find_places(told(tmp_path, LOSSES, later), tmp_path)) == ""
    other = later | {6: 9.0}
    assert disagreement(find_places(told(tmp_path, LOSSES, other), tmp_path)) != ""


def test_a_place_that_counts_forward_passes_is_about_something_else(tmp_path: Path) -> None:
    """As LitGPT's table has a line for each part of a batch."""
    passes = {n: LOSSES[(n + 1) // 2] + 0.3 * (n % 2) for n in range(1, 25)}
    assert disagreement(find_places(told(tmp_path, LOSSES, passes), tmp_path)) == ""


def test_a_training_that_tells_nothing_has_no_place(tmp_path: Path) -> None:
    ended = Ended(code=0, state="x", steps=[], printed="hello\n", seconds=1.0)
    assert find_places(ended, tmp_path) == []
    assert disagreement([]) == ""
    assert why_uncompared([]) == "no losses are told anywhere"


@pytest.mark.parametrize(
    "losses",
    [{12: 9.0}, dict.fromkeys(range(1, 7), 9.0), dict.fromkeys(range(1, 5), 9.0)],
    ids=["the last one alone", "of half the steps", "of a third"],
)
def test_a_place_that_tells_few_steps_must_tell_the_same(losses: dict[int, float]) -> None:
    places = [Place("printed", "", LOSSES), Place("JSON lines", "log.jsonl", losses)]
    assert why_uncompared(places) == ""
    assert "9 in JSON lines" in disagreement(places)


def test_places_without_a_common_step_are_not_the_same() -> None:
    alone = [Place("printed", "", LOSSES)]
    assert why_uncompared(alone) == "losses are told in one place alone"
    other = [*alone, Place("JSON lines", "log.jsonl", {900: 9.0, 910: 8.0})]
    assert why_uncompared(other) == "no two places tell the loss of the same step"
    assert disagreement(other) == ""
