"""What is done once before the first fork: when, with what care, and to no verdict's change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from proofbook_systems.models import catalogue, host, warmup
from proofbook_systems.models.catalogue import ModelType
from proofbook_systems.models.devices.rows import ROWS
from proofbook_systems.models.findings import Verdict

Begun = list[list[str]]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """Programs that were begun in this one's place."""
    begun: Begun = []
    monkeypatch.setattr(host, "_be_quiet", lambda: None)
    monkeypatch.setattr(host.os, "execv", lambda path, command: begun.append(command))
    return begun


def _warm(monkeypatch: pytest.MonkeyPatch, threads: list[str], words: list[str]) -> None:
    monkeypatch.setattr(warmup, "warm_up", lambda devices: words)
    monkeypatch.setattr(host, "_name_threads", lambda: threads)
    host._warm_up(["cpu"], ["request.json", "verdicts.json"])


def test_a_thread_left_by_warming_up_ends_in_a_cold_start(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _warm(monkeypatch, ["python", "pool-1"], [])
    assert [command[-3:] for command in begun] == [["request.json", "verdicts.json", host.COLD]]
    assert "left threads running: python, pool-1" in capsys.readouterr().out


def test_what_could_not_be_warmed_up_is_told_and_stops_nothing(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _warm(monkeypatch, ["python"], ["export: an old release has no exporter"])
    assert begun == []
    assert "while warming up: export: an old release" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "more", "warm"), [(3, [], []), (4, [], [["openvino"]]), (4, [host.COLD], [])]
)
def test_only_many_types_are_worth_a_warm_start(
    count: int, more: list[str], warm: list[list[str]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    types = [ModelType(name=f"type-{n}", config="Config", heads={}) for n in range(count)]
    seen: list[list[str]] = []

    def trying(types: list[ModelType], *_: object) -> Iterator[Verdict]:
        return iter([Verdict(type=each.name, category="language") for each in types])

    monkeypatch.setattr(host, "PRELOADED", ())
    monkeypatch.setattr(host, "_import_exporters", lambda: None)
    monkeypatch.setattr(host, "refuse_threads", lambda: None)
    monkeypatch.setattr(host, "_warm_up", lambda devices, arguments: seen.append(list(devices)))
    monkeypatch.setattr(host, "_try_all", trying)
    monkeypatch.setattr(host.gc, "freeze", lambda: None)
    monkeypatch.setattr(catalogue, "choose_types", lambda **_: types)
    request, results = tmp_path / "request.json", tmp_path / "verdicts.json"
    request.write_text(json.dumps({
        "types": [each.name for each in types], "options": {"devices": ["openvino"]},
        "workers": 1, "seconds": 1, "device_seconds": 1, "gigabytes": 1}))  # fmt: skip
    host.main([str(request), str(results), *more])
    assert seen == warm
    assert len(results.read_text().splitlines()) == count


def test_no_gpu_is_touched_and_no_gradient_taken_before_a_fork() -> None:
    assert set(warmup.EXPORTED) == set(ROWS) - {"cuda"}
    assert set(warmup.UNSAFE) == {"gradient"}


def test_a_type_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup, "list_types", dict)
    assert warmup.warm_up(["cpu"], "llama") == ["there is no model type llama"]


def test_rules_that_a_decomposition_forgets_are_put_back() -> None:
    from torch._subclasses.fake_impls import op_implementations_dict as rules

    before = dict(rules)
    operation, rule = next(iter(before.items()))
    with pytest.raises(ValueError, match="no such graph"), warmup._kept_rules():
        del rules[operation]
        raise ValueError("no such graph")
    assert rules[operation] is rule and rules.keys() == before.keys()
