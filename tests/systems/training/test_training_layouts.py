"""Checkpoints of any layout are found, read without running them, compared and judged."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PosixPath
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from driving_toys import toy
from safetensors.torch import save_file

from proofbook.errors import SubjectError
from proofbook_systems.training import artefacts, distributed
from proofbook_systems.training.cycles import Interrupted
from proofbook_systems.training.final_model import find_final_model
from proofbook_systems.training.layouts import (
    NAMES,
    Checkpoint,
    checkpoint_of,
    find_checkpoints,
    is_temporary,
    step_in_name,
)
from proofbook_systems.training.log_files import find_logs, read_log
from proofbook_systems.training.pace import find_pace
from proofbook_systems.training.roles import role_of
from proofbook_systems.training.running import MemorySample
from proofbook_systems.training.save_order import StepRange
from proofbook_systems.training.saving import SaveWatch, count_turns, find_unprotected, save_ends
from proofbook_systems.training.soundness import find_faults, find_index_faults
from proofbook_systems.training.states import NeedsCodeError, read_states, recorded_step
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trees import compare_trees, find_noise
from proofbook_systems.training.wholeness import is_whole


@pytest.mark.parametrize(
    ("name", "step"),
    [
        *[(sample, 10) for _, sample in NAMES],
        ("global_step10", 10), ("step-00000010", 10), ("at-step00000010-state", 10),
        ("iter-000010-ckpt.pth", 10), ("model_step_10.pt", 10), ("at-000010-state", 10),
        ("unet", None), ("version_0", None), ("validation-10", None), ("layer10", None),
        ("model.safetensors", None), ("training_args.bin", None), ("sd21base", None),
    ],
)  # fmt: skip
def test_a_step_is_known_by_its_name(name: str, step: int | None) -> None:
    assert step_in_name(name) == step


@pytest.mark.parametrize(
    "name", [".x", "tmp-1", "checkpoint-10.tmp", "x.incomplete", "ckpt.pt.new", "_tmp_step", "a~"]
)
def test_what_is_being_written_is_known_by_its_name(name: str) -> None:
    assert is_temporary(name)


@pytest.mark.parametrize(
    "name", ["checkpoint-10", "template", "partition", "model.pt", "temperature"]
)
def test_what_is_finished_is_not_taken_for_temporary(name: str) -> None:
    assert not is_temporary(name)


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("places", "steps"),
    [
        (
            ["checkpoint-10/unet/model.safetensors", "checkpoint-20/unet/model.safetensors"],
            [10, 20],
        ),
        (["lightning_logs/version_0/checkpoints/epoch=0-step=10.ckpt"], [10]),
        (["checkpoint/step-10/.metadata", "checkpoint/step-10/__0_0.distcp"], [10]),
        (["ckpt.pt"], [-1]),
        (["at-step00000010.safetensors", "at-step00000020-state/optimizer.bin"], [10, 20]),
        (["states/10/weights.npz", "states/20/weights.npz"], [10, 20]),
        (["validation-10/0.png", "logs/step-10.txt", "model.safetensors", "unet/m.bin"], []),
        (["tmp-checkpoint-10/model.bin", "checkpoint-20.tmp/model.bin"], []),
        (["out/pytorch_model-00001-of-00002.bin"], []),
    ],
)
def test_checkpoints_are_found(places: list[str], steps: list[int], tmp_path: Path) -> None:
    for place in places:
        put(tmp_path / place)
    assert [each.step for each in find_checkpoints(tmp_path)] == steps
    found = {checkpoint_of(place) for place in places} - {None}
    assert len(found) == len(steps)


def test_a_pattern_says_where_checkpoints_are(tmp_path: Path) -> None:
    put(tmp_path / "runs/a/w_7.bin")
    put(tmp_path / "runs/a/other.bin")
    assert [x.step for x in find_checkpoints(tmp_path, "runs/*/w_*.bin")] == [7]
    assert find_checkpoints(tmp_path / "none") == []


def test_states_of_every_format_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", weight=np.ones(3), iter_num=np.array(7))
    assert recorded_step(tmp_path / "a.npz") == 7
    (tmp_path / "s.json").write_text('{"global_step": 10, "x": [1, {"y": "z"}]}')
    assert read_states(tmp_path / "s.json") == {"global_step": 10, "x.0": 1, "x.1.y": "z"}
    assert recorded_step(tmp_path / "s.json") == 10
    torch.save({"loops": {"global_step": 3}, "t": torch.ones(2)}, tmp_path / "epoch.ckpt")
    assert set(read_states(tmp_path / "epoch.ckpt")) == {"loops.global_step", "t"}
    with pytest.raises(SubjectError, match="is empty"):
        read_states(put(tmp_path / "unet.safetensors", b""))
    with pytest.raises(SubjectError, match=r"cannot be read: it is cut, or no file of torch"):
        read_states(put(tmp_path / "x.pt", bytes(100)))
    torch.save({"args": Odd()}, tmp_path / "training_args.bin")
    with pytest.raises(NeedsCodeError, match=r"needs \S*Odd to be loaded; it is not safe"):
        read_states(tmp_path / "training_args.bin")


class Odd:
    """A class of the trainer's own."""


class AsGetattr:
    """What Python before 3.11.4 writes of a member of an enumeration, or what an attacker does."""

    def __init__(self, kind: object, name: str) -> None:
        self.made = (getattr, (kind, name))

    def __reduce__(self) -> tuple[object, ...]:
        return self.made


def test_a_member_that_an_older_python_wrote_is_read_and_no_other_attribute() -> None:
    metadata = pytest.importorskip("torch.distributed.checkpoint.metadata")
    encoding = metadata._MEM_FORMAT_ENCODING

    def read(kind: object, name: str) -> object:
        return distributed._Reader(io.BytesIO(pickle.dumps([AsGetattr(kind, name)]))).load()

    assert read(encoding, "TORCH_PRESERVE_FORMAT") == [encoding.TORCH_PRESERVE_FORMAT]
    for kind, name in ((encoding, "__class__"), (metadata.Metadata, "__init__"), (encoding, "no")):
        with pytest.raises(pickle.UnpicklingError, match="not of this format"):
            read(kind, name)


def test_what_torch_distributed_writes_is_read_by_name(tmp_path: Path) -> None:
    dcp = pytest.importorskip("torch.distributed.checkpoint")
    folder = tmp_path / "step-10"
    with pytest.warns(UserWarning, match="distributed"):
        dcp.save(
            {"model": {"w": torch.ones(3)}, "step": torch.tensor(4), "lr": 0.5},
            checkpoint_id=folder,
        )
    states = read_states(folder / ".metadata")
    assert (states["lr"], int(states["step"]), states["model.w"].tolist()) == (0.5, 4, [1, 1, 1])


def test_what_torch_distributed_writes_with_python_3_13_is_read_by_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dcp = pytest.importorskip("torch.distributed.checkpoint")
    there = types.ModuleType("pathlib._local")
    there.PosixPath = PosixPath  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pathlib._local", there)
        patch.setattr(PosixPath, "__module__", "pathlib._local")
        with pytest.warns(UserWarning, match="distributed"):
            dcp.save({"step": torch.tensor(4)}, checkpoint_id=tmp_path / "step-4")
    assert b"pathlib._local" in (tmp_path / "step-4" / ".metadata").read_bytes()
    assert int(read_states(tmp_path / "step-4" / ".metadata")["step"]) == 4


def test_roles_are_known_by_names() -> None:
    named = {
        ("optimizer.pt", "state.0.exp_avg"): "optimizer",
        ("optimizer.pt", "state.0.step"): "step counters",
        ("ckpt.pt", "optimizer.state.0.step"): "step counters", ("ckpt.pt", "model.w"): "weights",
        ("x.ckpt", "optimizer_states.0.state.0.exp_avg"): "optimizer",
        ("x.ckpt", "state_dict.l.w"): "weights",
        ("x.ckpt", "lr_schedulers.0.last_epoch"): "scheduler",
        ("scheduler.bin", "last_epoch"): "scheduler",
        ("random_states_0.pkl", "x"): "random numbers", ("scaler.pt", "scale"): "scaler",
        ("unet_ema/m.safetensors", "w"): "EMA", ("ckpt.pt", "ema.w"): "EMA",
        ("ckpt.pt", "iter_num"): "progress",
        ("x.ckpt", "loops.fit_loop.epoch_loop.scheduler_progress.current.ready"): "progress",
        ("ckpt.pt", "config.init_from"): "settings", ("training_args.bin", ""): "settings",
        ("unet/diffusion_pytorch_model.safetensors", "conv.weight"): "weights",
        ("training_state.pt", "torch_random_state"): "random numbers",
        ("sampler.bin", "epoch"): "order of the data",
        ("state.pt", "opt.state.0.step"): "step counters",
        ("state.pt", "adam.state.0.step"): "step counters",
        ("state.pt", "opt.state.0.square_avg"): "optimizer",
        ("state.pt", "opts.1.state.3.sum"): "optimizer",
        ("state.pt", "opt_d.param_groups.0.lr"): "optimizer",
        ("state.pt", "opt.lr"): "other",  # a trainer's options are called so, too
        ("state.pt", "gen"): "random numbers", ("gan.pt", "gen.conv.weight"): "other",
        ("state.pt", "order"): "order of the data", ("state.pt", "seen"): "progress",
        ("net.pt", "model.state.0.weight"): "weights",
    }  # fmt: skip
    assert {each: role_of(*each) for each in named} == named


def model(path: Path, value: float = 1.0, **more: torch.Tensor) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"a.weight": torch.full((4, 4), value), "b.weight": torch.arange(8.0), **more}, path)
    return path


def test_every_file_of_both_is_compared_or_told(tmp_path: Path) -> None:
    for name, value in (("ours", 2.0), ("theirs", 1.0)):
        folder = tmp_path / name
        model(folder / "checkpoint-10/unet/model.safetensors", value)
        model(folder / "model.safetensors")
        put(folder / "unet.safetensors", b"")
        put(folder / "train.jsonl", name.encode())
        put(folder / "model_info.json", json.dumps({"steps": 10, "timestamp": name}).encode())
        torch.save({"args": Odd(), "n": value}, folder / "state.bin")
        put(folder / f"only-{name}.bin")
    comparison = compare_trees(tmp_path / "ours", tmp_path / "theirs")
    rows = {row.place: row for row in comparison.rows}
    assert {place: row.status for place, row in rows.items()} == {
        "checkpoint-10/unet/model.safetensors": "differs", "model.safetensors": "same",
        "unet.safetensors": "damaged", "train.jsonl": "not comparable",
        "model_info.json": "differs", "state.bin": "differs", "only-ours.bin": "only here",
        "only-theirs.bin": "only there",
    }  # fmt: skip
    assert rows["checkpoint-10/unet/model.safetensors"].words == "a.weight by 1"
    assert "it is not safe" in rows["state.bin"].words
    assert comparison.compared == 4
    assert len(comparison.table.splitlines()) == 8


def test_what_two_controls_differ_in_is_left_out_and_told(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        put(
            tmp_path / name / "model_info.json",
            json.dumps({"n": name == "three", "at": name}).encode(),
        )
        put(tmp_path / name / "blob.xyz", name.encode())
    noise = find_noise(compare_trees(tmp_path / "two", tmp_path / "one"))
    assert noise == {"model_info.json": frozenset({"at"}), "blob.xyz": None}
    rows = {r.place: r for r in compare_trees(tmp_path / "three", tmp_path / "one", noise).rows}
    assert rows["blob.xyz"].status == "not comparable"
    assert rows["model_info.json"].words == (
        "n by 1; 1 values differ between uninterrupted runs and are left out"
    )


def test_the_settings_of_a_start_are_no_departure(tmp_path: Path) -> None:
    for name in ("scratch", "resume"):
        (tmp_path / name).mkdir()
        torch.save(
            {"model": torch.ones(2), "config": {"init_from": name}}, tmp_path / name / "ckpt.pt"
        )
    (row,) = compare_trees(tmp_path / "scratch", tmp_path / "resume").rows
    assert (row.status, row.words) == (
        "same",
        "the settings differ, such as config.init_from, and are left out",
    )


def test_a_new_number_of_a_start_is_no_other_place(tmp_path: Path) -> None:
    model(tmp_path / "a/logs/version_0/last.safetensors")
    model(tmp_path / "b/logs/version_1/last.safetensors")
    (row,) = compare_trees(tmp_path / "a", tmp_path / "b").rows
    assert (row.place, row.status) == ("logs/version_*/last.safetensors", "same")


def test_a_best_value_that_there_is_not_yet_is_infinite_by_right(tmp_path: Path) -> None:
    """As Lightning's ModelCheckpoint has it; one in weights is not, and NaN never is."""
    path = tmp_path / "epoch=0-step=24.ckpt"
    best = {"callbacks": {"kth_value": torch.tensor(torch.inf)}, "state_dict": {"w": torch.ones(2)}}
    torch.save(best, path)
    assert find_faults(path, []) == []
    torch.save(best | {"state_dict": {"w": torch.tensor(torch.inf)}}, path)
    assert "state_dict.w has values" in "".join(find_faults(path, []))
    torch.save(best | {"callbacks": {"kth_value": torch.tensor(torch.nan)}}, path)
    assert "kth_value has values" in "".join(find_faults(path, []))
    torch.save(best | {"scaler": {"scale": torch.tensor(torch.inf)}}, path)
    assert "scaler.scale has values" in "".join(find_faults(path, []))


def test_a_checkpoint_of_any_layout_is_judged(tmp_path: Path) -> None:
    like = model(
        tmp_path / "checkpoint-10/unet/m.safetensors", mask=torch.full((2,), -torch.inf)
    ).parents[1]
    (like / "trainer_state.json").write_text('{"global_step": 10}')
    other = tmp_path / "checkpoint-20"
    shutil.copytree(like, other)
    (other / "trainer_state.json").write_text('{"global_step": 20}')
    torch.save({"args": Odd()}, other / "training_args.bin")
    assert find_faults(other, [], like=like) == []
    (other / "unet/m.safetensors").write_bytes(b"")
    (other / "trainer_state.json").write_text('{"global_step": 25}')
    assert [fault.rpartition("/")[2] for fault in find_faults(other, [], like=like)] == [
        "m.safetensors is empty", "trainer_state.json says step 25"]  # fmt: skip
    shutil.rmtree(other / "unet")
    assert "unet/m.safetensors is missing" in find_faults(other, [], like=like)


def test_a_scheduler_may_count_in_its_own_proportion(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        model(tmp_path / f"checkpoint-{step}/m.safetensors")
        epochs = step // 5 if step < 30 else 5
        torch.save({"last_epoch": epochs}, tmp_path / f"checkpoint-{step}/scheduler.bin")
    assert find_faults(tmp_path / "checkpoint-20", [], like=tmp_path / "checkpoint-10") == []
    (fault,) = find_faults(tmp_path / "checkpoint-30", [], like=tmp_path / "checkpoint-10")
    assert fault == "scheduler.bin says step 5"


def test_an_index_must_find_its_shards(tmp_path: Path) -> None:
    model(tmp_path / "model-1.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a.weight": "model-1.safetensors"}}))
    assert list(find_index_faults(tmp_path)) == []
    index.write_text(
        json.dumps({"weight_map": {"c": "model-1.safetensors", "d": "model-2.safetensors"}})
    )
    assert list(find_index_faults(tmp_path)) == [
        "model.safetensors.index.json says that model-1.safetensors has c, which it has not",
        "model.safetensors.index.json names model-2.safetensors, which is missing"]  # fmt: skip
    index.write_text("[]")
    assert list(find_index_faults(tmp_path)) == [
        "model.safetensors.index.json is no index: it has no weight_map"
    ]


def finished(folder: Path) -> Path:
    """Write what a training has left: two checkpoints and a pipeline."""
    for step in (10, 20):
        model(folder / f"checkpoint-{step}/model.safetensors", float(step))
    model(folder / "unet/diffusion_pytorch_model.safetensors", 20.0)
    (folder / "unet/config.json").write_text("{}")
    put(folder / "scheduler/scheduler_config.json", b"{}")
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "P", "unet": ["diffusers", "U"], "scheduler": ["diffusers", "S"],
        "safety_checker": [None, None]}))  # fmt: skip
    return folder


def test_a_final_model_that_is_right_has_no_faults(tmp_path: Path) -> None:
    found = find_final_model(finished(tmp_path))
    assert (found.faults, found.files) == ([], ["unet/diffusion_pytorch_model.safetensors"])
    shutil.rmtree(tmp_path / "unet")
    (tmp_path / "model_index.json").unlink()
    found = find_final_model(tmp_path)
    assert (found.faults, found.from_checkpoint) == ([], "checkpoint-20")
    assert (
        found.words
        == "checkpoint-20/model.safetensors of checkpoint-20, as there is no other model"
    )


FINAL: list[tuple[Callable[[Path], object], str]] = [
    (
        lambda f: model(f / "unet/diffusion_pytorch_model.safetensors", 10.0),
        "are those of checkpoint-10",
    ),
    (
        lambda f: model(f / "unet/diffusion_pytorch_model.safetensors", float("nan")),
        "a.weight has values that are NaN",
    ),
    (
        lambda f: model(f / "unet/diffusion_pytorch_model.safetensors", float("inf")),
        "values that are infinite",
    ),
    (lambda f: (f / "unet/diffusion_pytorch_model.safetensors").write_bytes(b""), "is empty"),
    (
        lambda f: (f / "unet/diffusion_pytorch_model.safetensors").write_bytes(bytes(50)),
        "cannot be read",
    ),
    (
        lambda f: save_file({"a": torch.zeros(3)}, f / "unet/diffusion_pytorch_model.safetensors"),
        "all values are 0",
    ),
    (lambda f: (f / "unet/config.json").unlink(), "has no config.json beside it"),
    (lambda f: shutil.rmtree(f / "scheduler"), "names scheduler, which is missing"),
    (
        lambda f: (f / "scheduler/scheduler_config.json").unlink(),
        "names scheduler, whose folder is empty",
    ),
    (
        lambda f: (f / "unet/diffusion_pytorch_model.safetensors").unlink(),
        "a config.json and no weights",
    ),
    (lambda f: (f / "model_index.json").write_text("{"), "model_index.json cannot be read"),
    (lambda f: model(f / "adapter_model.safetensors"), "has no adapter_config.json beside it"),
]


@pytest.mark.parametrize(("spoil", "words"), FINAL, ids=[words for _, words in FINAL])
def test_a_final_model_that_is_broken_is_told(
    spoil: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    spoil(finished(tmp_path))
    if "no weights" in words:
        model(tmp_path / "model.safetensors", 20.0)
    assert words in " ".join(find_final_model(tmp_path).faults)


def test_a_format_of_the_trainers_own_is_compared_by_its_bytes_and_not_called_broken(
    tmp_path: Path,
) -> None:
    for name in ("ours", "theirs"):
        put(tmp_path / name / "model.bin", b"ak42" + bytes(40))
        torch.save({"model": {"w": torch.ones(2)}, "step": 3}, tmp_path / name / "ckpt.pt")
    comparison = compare_trees(tmp_path / "ours", tmp_path / "theirs")
    assert {row.status for row in comparison.rows} == {"same"}
    put(tmp_path / "ours/model.bin", b"ak42" + bytes(39) + b"x")
    (row,) = compare_trees(tmp_path / "ours", tmp_path / "theirs").having("differs")
    assert row.words.startswith("other bytes; ")
    assert row.words.endswith("is of a format that is not known")
    found = find_final_model(tmp_path / "ours")
    assert (found.faults, found.from_checkpoint) == ([], "ckpt.pt")
    torch.save({"args": Odd()}, tmp_path / "ours/ckpt.pt")
    assert "cannot be judged" in find_final_model(tmp_path / "ours").faults[0]


def test_no_weights_at_all_are_a_fault(tmp_path: Path) -> None:
    assert find_final_model(tmp_path).faults == [
        "there are no weights, in no checkpoint and outside of them"
    ]


def test_checkpoints_that_did_not_come_are_told() -> None:
    assert artefacts.checkpoints_missing([10, 30], 10, 35) == [20]
    assert artefacts.checkpoints_missing([10, 20, 30, 35], 0, 35) == []
    assert artefacts.checkpoints_missing([10, 20, 40, 45], 0, 45) == [30]
    assert artefacts.why_not_due([10, 20, 30], 0) == artefacts.why_not_due([], 10) == ""


@pytest.mark.parametrize(
    ("told", "every", "missing"),
    [
        ([10, 21, 30, 41, 50], 0, []),  # one file, written again: seen some steps late
        ([10, 21, 41, 50], 0, [32]),
        ([10, 20, 30], 10, [40]),
        ([10, 20], 0, []),
        ([(9, 32), (9, 32), (32, 41), (41, 50)], 10, []),  # two were seen at once
        ([(9, 10), (19, 20), (43, 44), (49, 50)], 10, [30]),
        ([(0, 52)], 10, []),
    ],
)
def test_a_file_that_is_written_again_is_due_by_the_steps_told(
    told: list[int | tuple[int, int]], every: int, missing: list[int]
) -> None:
    seen = [each if isinstance(each, tuple) else (each, each) for each in told]
    assert artefacts.checkpoints_missing([-1], every, 52, seen) == missing
    assert bool(artefacts.why_not_due([-1], every, seen)) == (told == [10, 20])


@pytest.mark.parametrize("written", [[], [10], [10, 20], [-1, 0, 10, 20]])
def test_when_checkpoints_are_due_is_not_known_from_a_few(written: list[int]) -> None:
    """Two have one distance, which nothing departs from."""
    assert artefacts.checkpoints_missing(written, 0, 35) == []
    number = len([step for step in written if step > 0])
    assert artefacts.why_not_due(written, 0) == (
        f"{number} checkpoints were seen, and their distance is found out from 3; give "
        "checkpoint_every"
    )


@pytest.mark.parametrize(
    ("folders", "declared", "lacking", "reason"),
    [
        ([], (), [], ""),
        ([], ("a",), ["no checkpoint is a folder that has a"], ""),
        (["a"], (), [], "1 of the checkpoints are folders: too few to know which files each"),
        (["a", "ab"], (), [], "2 of the checkpoints are folders, whose files differ: too few"),
        (["ab", "ab"], (), [], ""),
        (["a"], ("b",), ["checkpoint-1 lacks b"], ""),
        (["ab", "a", "ab"], (), ["checkpoint-2 lacks b"], ""),
    ],
)
def test_which_files_a_checkpoint_must_have_is_known_or_told(
    tmp_path: Path, folders: list[str], declared: tuple[str, ...], lacking: list[str], reason: str
) -> None:
    for number, names in enumerate(folders, 1):
        for name in names:
            list(write(tmp_path / f"checkpoint-{number}" / name))
    (tmp_path / "checkpoint-9.pt").write_bytes(b"x")
    trainer = replace(toy(), checkpoint_files=declared)
    assert artefacts.missing_files(trainer, tmp_path) == lacking
    told = artefacts.why_files_unknown(trainer, tmp_path)
    assert told.startswith(reason) and bool(told) is bool(reason)
    assert artefacts.has_files(trainer, tmp_path) is bool(folders or declared)


def write(path: Path) -> Iterator[None]:
    """Write a file; at each ``yield`` who watches may look, and see a new folder from then on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    yield
    with path.open("wb") as file:
        for _ in range(3):
            file.write(b"x" * 1000)
            file.flush()
            yield


def folders(out: Path) -> Iterator[None]:
    for step in (10, 20, 30):
        yield from write(out / f"checkpoint-{step}/unet/model.bin")
        yield from write(out / f"checkpoint-{step}/optimizer.bin")


def renamed(out: Path) -> Iterator[None]:
    for step in (10, 20, 30):
        yield from write(out / f"tmpx{step}/model.bin")
        (out / f"tmpx{step}").rename(out / f"checkpoint-{step}")
        for old in (out / f"checkpoint-{step - 10}",):
            shutil.rmtree(old, ignore_errors=True)


def replaced(out: Path) -> Iterator[None]:
    for _ in range(3):
        yield from write(out / ".writing")
        (out / ".writing").replace(out / "ckpt.pt")


def rotated_first(out: Path) -> Iterator[None]:
    for step in (10, 20, 30):
        for old in out.glob("checkpoint-*"):
            shutil.rmtree(old)
        yield from write(out / f"checkpoint-{step}/model.bin")


def rotated_first_of_two(out: Path) -> Iterator[None]:
    for step in (10, 20, 30, 40):
        for old in sorted(out.glob("checkpoint-*"))[:-1]:
            shutil.rmtree(old)
        yield from write(out / f"checkpoint-{step}/model.bin")


def in_place(out: Path) -> Iterator[None]:
    for _ in range(3):
        yield from write(out / "ckpt.pt")


@pytest.mark.parametrize(
    ("trainer", "times"),
    [
        (folders, 0),
        (renamed, 0),
        (replaced, 0),
        (rotated_first_of_two, 0),
        (rotated_first, 2),
        (in_place, 2),
    ],
)
def test_times_without_a_whole_checkpoint_are_seen(
    trainer: Callable[[Path], Iterator[None]], times: int, tmp_path: Path
) -> None:
    with SaveWatch(tmp_path) as watch:
        for _ in trainer(tmp_path):
            watch.reached += 1
            watch.look(0)
        watch.look(0)
    found = find_unprotected(watch.changes)
    assert len(found) == times, [each.words for each in found]
    assert all("before the next checkpoint was whole" in each.words for each in found)
    assert count_turns(watch.changes) >= 1
    assert save_ends(watch.changes)


def test_saving_and_validation_are_no_part_of_a_pace() -> None:
    even = [MemorySample(i * 0.1, i // 2, 1, i * 0.15) for i in range(60)]
    saved = [s if s.step < 20 else s._replace(seconds=s.seconds + 5) for s in even]
    pace = find_pace(saved, writes=[5.0])
    assert pace is not None
    assert pace.slowest == pytest.approx(pace.seconds)


def test_what_is_removed_while_it_is_listed_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer that keeps two checkpoints removes one while another process lists them."""
    for step in (4, 8, 12):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "model.pt").write_bytes(b"x")
        (tmp_path / f"step={step}.ckpt").write_bytes(b"x")
    usual = Path.iterdir

    def iterdir(folder: Path) -> Any:
        listed = [*usual(folder)]
        if folder == tmp_path:
            shutil.rmtree(tmp_path / "checkpoint-4", ignore_errors=True)
            (tmp_path / "step=8.ckpt").unlink(missing_ok=True)
        return iter(listed)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    found = find_checkpoints(tmp_path)
    assert [each.step for each in found] == [4, 8, 12, 12]
    gone = Checkpoint(4, tmp_path / "checkpoint-4")
    assert (gone.files, is_whole(gone, [])) == ([], False)
    monkeypatch.undo()
    assert find_logs(tmp_path) == []
    assert read_log(tmp_path / "checkpoint-4" / "trainer_state.json") == []


def test_a_checkpoint_that_names_its_own_folder_does_not_depart(tmp_path: Path) -> None:
    """Lightning's has the places of the best ones as names of values; not another folder's."""
    for name in ("alone", "interrupted"):
        places = {str(tmp_path / name / "step=4.ckpt"): 0.5, "dirpath": str(tmp_path / name)}
        (tmp_path / name).mkdir()
        torch.save({"best": places, "w": torch.ones(2)}, tmp_path / name / "step=8.ckpt")
    interrupted, alone = tmp_path / "interrupted", tmp_path / "alone"
    assert [row.status for row in compare_trees(interrupted, alone).rows] == ["same"]
    other = {str(tmp_path / "alone-again" / "step=4.ckpt"): 0.5, "dirpath": str(alone)}
    torch.save({"best": other, "w": torch.ones(2)}, interrupted / "step=8.ckpt")
    (row,) = compare_trees(interrupted, alone).having("differs")
    assert "step=4.ckpt has nothing to compare" in row.words


@pytest.mark.parametrize(
    ("listed", "resumed", "kept"),
    [
        ([16, 52, 56], [16], 2),  # what it went on from may stay
        ([16, 52, 56], [], 3),
        ([52, 56], [52], 2),
        ([16, 20, 24, 52, 56], [16], 4),
        ([16, 44, 52, 56], [16, 44], 2),
    ],
)
def test_a_checkpoint_that_was_resumed_from_may_be_kept(
    listed: list[int], resumed: list[int], kept: int
) -> None:
    cycles = [
        SimpleNamespace(newest_called=step, ended=SimpleNamespace(steps=[])) for step in resumed
    ]
    result = Interrupted(cycles=cast(Any, cycles), last=cast(Any, None))
    there = [Checkpoint(step, Path(str(step))) for step in listed]
    assert len(result.kept(cast(Any, SimpleNamespace(keeps=2)), there)) == kept


@pytest.mark.parametrize(
    ("there", "most"),
    [
        (([16, 20],), 2),
        (([12, 16, 20],), 3),
        (([12, 16, 20], [44, 48]), 3),
        (([8], [8, 16, 24]), 2),
    ],
)
def test_a_save_that_was_stopped_before_it_removed_the_old_one_leaves_one_more(
    there: tuple[list[int], ...], most: int
) -> None:
    step = Step(24, None, None)
    cycles = [SimpleNamespace(checkpoints=numbers, newest_called=numbers[-1]) for numbers in there]
    last = SimpleNamespace(steps=[step, step._replace(number=56)])
    result = Interrupted(cycles=cast(Any, cycles), last=cast(Any, last))
    control = SimpleNamespace(keeps=2, save_ranges=[StepRange(52, 52)])
    assert result.most_kept(cast(Any, control)) == most


@pytest.mark.parametrize(
    ("final", "last_step", "stale"), [(3.0, 12, False), (2.0, 12, True), (2.0, 4, False)]
)
def test_the_newest_checkpoint_is_that_of_the_largest_step_whatever_it_is_called(
    final: float, last_step: int, stale: bool, tmp_path: Path
) -> None:
    """As Lightning's last.ckpt beside the best two."""
    for name, value, step in (("step=6", 1.0, 6), ("step=8", 2.0, 8), ("last", 3.0, last_step)):
        content = {"state_dict": {"w": torch.full((3,), value)}, "global_step": step}
        torch.save(content, tmp_path / f"{name}.ckpt")
    torch.save({"state_dict": {"w": torch.full((3,), final)}}, tmp_path / "final_model.pt")
    found = find_final_model(tmp_path)
    words = "the final weights are those of step=8.ckpt, and last.ckpt has others"
    assert [words in each for each in found.faults] == [True] * stale
