"""What is done once before the first fork: when, with what care, and to no verdict's change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.models import catalogue, host, matrix, warmup
from proofbook_systems.models.catalogue import ModelType
from proofbook_systems.models.devices.exported import keep_patches
from proofbook_systems.models.devices.onnxruntime import keep_registry
from proofbook_systems.models.devices.rows import ROWS
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.trial import Options
from proofbook_systems.models.warmup import CHECKS, Stage

Begun = list[list[str]]
FILES = ["request.json", "verdicts.json"]


class BeganError(Exception):
    """Another program has taken this one's place."""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """Programs that were begun in this one's place."""
    begun: Begun = []

    def execv(path: str, command: list[str]) -> None:
        begun.append(command)
        raise BeganError

    monkeypatch.setattr(host, "_be_quiet", lambda: None)
    monkeypatch.setattr(host.os, "execv", execv)
    return begun


def _warm(monkeypatch: pytest.MonkeyPatch, threads: str, missed: str, *left_out: str) -> list[str]:
    """Warm up, while the stage ``threads`` leaves one running; return the stages that ran."""
    ran: list[str] = []

    def warm_up(devices: list[str]) -> Iterator[Stage]:
        for name in (CHECKS, *devices):
            ran.append(name)
            yield Stage(name, missed)

    monkeypatch.setattr(warmup, "warm_up", warm_up)
    monkeypatch.setattr(host, "_name_threads", lambda: ["python", "pool-1"][: 1 + (threads in ran)])
    host._warm_up(["cpu", "openvino"], [*FILES, *left_out])
    return ran


@pytest.mark.parametrize("stage", [CHECKS, "openvino"])
def test_a_stage_that_leaves_a_thread_is_left_out_in_a_new_start(
    stage: str, begun: Begun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BeganError):
        _warm(monkeypatch, stage, "")
    assert [command[-3:] for command in begun] == [[*FILES, stage]]
    assert f"{stage}: it left threads running: python, pool-1" in capsys.readouterr().out


def test_what_was_left_out_once_is_not_tried_again(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _warm(monkeypatch, "openvino", "", "openvino") == [CHECKS, "cpu"]
    assert _warm(monkeypatch, CHECKS, "", "openvino", CHECKS) == []
    assert _warm(monkeypatch, "cpu", "", warmup.GRAPH) == [CHECKS]
    assert begun == []


def test_what_could_not_be_warmed_up_is_told_and_stops_nothing(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _warm(monkeypatch, "", "an old release has no exporter") == [CHECKS, "cpu", "openvino"]
    assert "while warming up, cpu: an old release" in capsys.readouterr().out
    assert begun == []


@pytest.mark.parametrize(
    ("rounds", "tried", "lost"),
    [
        ([["a", "b"]], [True], []),
        ([[], ["a", "b"]], [True, False], []),  # it ended while it warmed up
        ([["a"]], [True], ["b"]),  # it ended at a type
    ],
)
def test_a_process_that_ends_while_it_warms_up_is_begun_once_more_without(
    rounds: list[list[str]], tried: list[bool], lost: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    types = [ModelType(name=name, config="Config", heads={}) for name in "ab"]
    warmed: list[bool] = []

    def one_round(types: list[ModelType], *_: object, warm: bool) -> Iterator[Verdict]:
        warmed.append(warm)
        done = rounds[len(warmed) - 1]
        return iter([Verdict(type=name, category="language") for name in done])

    monkeypatch.setattr(matrix, "_one_round", one_round)
    asked = matrix.Matrix(options=Options(), folder=tmp_path)
    verdicts = list(matrix.try_types(types, asked))
    assert [verdict.type for verdict in verdicts] == ["a", "b"]
    assert [verdict.type for verdict in verdicts if verdict.failed] == lost
    assert warmed == tried


def test_a_process_that_ends_in_both_ways_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host-1.log").write_text("Segmentation fault\n")
    monkeypatch.setattr(matrix, "_one_round", lambda *_, warm: iter(()))
    asked = matrix.Matrix(options=Options(), folder=tmp_path)
    with pytest.raises(SubjectError, match="could be tried: Segmentation fault"):
        list(matrix.try_types([ModelType(name="a", config="Config", heads={})], asked))


@pytest.mark.parametrize(
    ("count", "asked", "warm"), [(3, True, []), (4, True, [["openvino"]]), (4, False, [])]
)
def test_only_many_types_are_worth_a_warm_start(
    count: int, asked: bool, warm: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = [ModelType(name=f"type-{n}", config="Config", heads={}) for n in range(count)]
    seen: list[list[str]] = []

    def trying(types: list[ModelType], *_: object) -> Iterator[Verdict]:
        return iter([Verdict(type=each.name, category="language") for each in types])

    monkeypatch.setattr(host, "PRELOADED", ())
    monkeypatch.setattr(host, "_import_exporters", lambda: None)
    monkeypatch.setattr(host, "refuse_threads", lambda: None)
    monkeypatch.setattr(host, "_warm_up", lambda devices, arguments: seen.append(list(devices)))
    monkeypatch.setattr(host, "_try_all", trying)
    monkeypatch.setattr(host, "gc", SimpleNamespace(collect=list, freeze=list))
    monkeypatch.setattr(catalogue, "choose_types", lambda **_: types)
    request, results = tmp_path / "request.json", tmp_path / "verdicts.json"
    names, options = [each.name for each in types], {"devices": ["openvino"]}
    limits = {"seconds": 1, "device_seconds": 1, "gigabytes": 1, "workers": 1, "warm": asked}
    request.write_text(json.dumps({"types": names, "options": options, **limits}))
    host.main([str(request), str(results)])
    assert seen == warm
    assert len(results.read_text().splitlines()) == count


def test_no_gpu_is_touched_and_no_gradient_taken_before_a_fork() -> None:
    assert set(warmup.TABLES) == set(ROWS) - {"cpu", "cuda"}
    ready: Any = None
    stages = {d: [name for name, _ in warmup._stages(ready, [d])] for d in ROWS}
    assert stages["cuda"] == [] and stages["cpu"] == [warmup.GRAPH]
    assert stages["openvino"] == [warmup.GRAPH, "openvino"]
    assert set(warmup.UNSAFE) == {"gradient"}


def test_a_type_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup, "list_types", dict)
    missed = Stage(CHECKS, "there is no model type llama")
    assert list(warmup.warm_up(["cpu"], "llama")) == [missed]


def test_rules_that_a_decomposition_forgets_are_put_back() -> None:
    from torch._subclasses.fake_impls import op_implementations_dict as rules

    before = dict(rules)
    operation, rule = next(iter(before.items()))
    with pytest.raises(ValueError, match="no such graph"), warmup._kept_rules():
        del rules[operation]
        raise ValueError("no such graph")
    assert rules[operation] is rule and rules.keys() == before.keys()


@pytest.mark.slow
def test_a_change_to_a_class_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("transformers.exporters.utils")
    made: list[object] = []

    def make(original: object) -> object:
        made.append(original)
        return repr

    monkeypatch.setattr(utils, "_PATCHES", {"dynamo": [("builtins", "len", make)]})
    keep_patches()
    ((place, name, kept),) = utils._PATCHES["dynamo"]
    assert (place, name) == ("builtins", "len")
    assert kept(len) is kept(len) is repr and kept(abs) is repr
    assert made == [len, abs]  # another original is another change


@pytest.mark.slow
def test_a_registry_is_read_once_and_each_export_adds_to_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registration = pytest.importorskip("torch.onnx._internal.exporter._registration")
    read: list[int] = []

    class Registry:
        def __init__(self) -> None:
            self._opset_version, self.functions = 0, dict[str, list[str]]()

        @classmethod
        def from_torchlib(cls, opset_version: int) -> Registry:
            read.append(opset_version)
            made = cls()
            made._opset_version, made.functions = opset_version, {"aten::add": ["add"]}
            return made

    monkeypatch.setattr(registration, "ONNXRegistry", Registry)
    keep_registry()
    one, other = (Registry().from_torchlib(opset_version=18) for _ in range(2))
    one.functions["aten::add"].insert(0, "custom")
    assert other.functions == {"aten::add": ["add"]} and other._opset_version == 18
    assert read[1:] == [18]
