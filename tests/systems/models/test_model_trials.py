"""Real model types, each in a forked child: what holds, and what a planted fault turns red."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from proofbook_systems.models import host
from proofbook_systems.models.catalogue import ModelType, choose_types
from proofbook_systems.models.devices.isolation import Limits, run_forked
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.matrix import Matrix, try_types
from proofbook_systems.models.planting import FAULTS
from proofbook_systems.models.trial import Options, try_type

TYPES = ["llama", "vit", "clip"]

Try = Callable[..., dict[str, Verdict]]


@pytest.fixture(scope="module")
def try_models(tmp_path_factory: pytest.TempPathFactory) -> Try:
    def trying(*names: str, seconds: float = 120.0, **options: object) -> dict[str, Verdict]:
        types = choose_types(models=names, category="all", limit=0)
        matrix = Matrix(options=Options(**options), workers=1, seconds=seconds,  # type: ignore[arg-type]
                        folder=tmp_path_factory.mktemp("models"))  # fmt: skip
        return {verdict.type: verdict for verdict in try_types(types, matrix)}

    return trying


@pytest.fixture(scope="module")
def fork_models() -> Try:
    """Try types in children of this process, which imports once for all tests of this file."""
    for name in (*host.PRELOADED, *host.EXPORTING):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)

    def trying(*names: str, **options: object) -> dict[str, Verdict]:
        verdicts = {}
        for type_ in choose_types(models=names, category="all", limit=0):

            def run(tell: Callable[[dict[str, object]], None], type_: ModelType = type_) -> None:
                host._be_quiet()
                made = try_type(type_, Options(**options), lambda check: None)  # type: ignore[arg-type]
                tell({"verdict": made.as_dict()})

            told = run_forked(run, Limits(seconds=120, gigabytes=8))
            assert told.lines and "verdict" in told.lines[0], told.ending
            verdicts[type_.name] = Verdict.from_dict(told.lines[0]["verdict"])
        return verdicts

    return trying


@pytest.fixture(scope="module")
def sound(try_models: Try) -> dict[str, Verdict]:
    """Three types, tried as they are; then each fault is planted in them."""
    return try_models(*TYPES, faults=tuple(FAULTS))


@pytest.mark.exhaustive
@pytest.mark.slow
def test_sound_types_hold_in_everything(sound: dict[str, Verdict]) -> None:
    assert {name: verdict.failed for name, verdict in sound.items() if verdict.failed} == {}
    assert all(verdict.passed for verdict in sound.values())
    absent = {name: [each.check for each in v.inapplicable] for name, v in sound.items()}
    assert (absent["llama"], absent["vit"]) == ([], ["padding", "generate", "cache"])


@pytest.mark.slow
def test_each_type_reads_its_own_kind_of_input(sound: dict[str, Verdict]) -> None:
    assert sound["vit"].inputs == ["image"]
    assert sound["clip"].inputs == ["image", "text"]
    assert sound["llama"].inputs == ["text"]


@pytest.mark.slow
def test_random_weights_are_not_called_real(sound: dict[str, Verdict]) -> None:
    assert {verdict.implementation for verdict in sound.values()} == {"RANDOM"}


@pytest.mark.slow
def test_each_planted_fault_is_found_and_mended_again(sound: dict[str, Verdict]) -> None:
    found = {each.check: each.status for each in sound["llama"].planted}
    assert found == dict.fromkeys(FAULTS, "passed")
    kept = {each.check: each.status for each in sound["vit"].planted}
    assert kept["ignored-mask"] == kept["misused-cache"] == "skipped"
    assert kept["zeroed-weight"] == kept["rounded-dtype"] == "passed"


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_warm_start_changes_no_verdict_and_hides_no_fault(
    sound: dict[str, Verdict], tmp_path_factory: pytest.TempPathFactory, try_models: Try
) -> None:
    warm = try_models(*TYPES, "gpt2", faults=tuple(FAULTS))

    def statuses(verdict: Verdict) -> dict[str, str]:
        return {each.check: each.status for each in (*verdict.findings, *verdict.planted)}

    assert len(TYPES) <= host._FEW < len(warm)
    assert {name: statuses(warm[name]) for name in TYPES} == {
        name: statuses(verdict) for name, verdict in sound.items()
    }
    logs = [log.read_text() for log in tmp_path_factory.getbasetemp().glob("models*/host-0.log")]
    assert logs and not [log for log in logs if "warming up" in log]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_type_that_takes_too_long_harms_no_other(try_models: Try) -> None:
    verdicts = try_models("llama", "vit", seconds=0.01)
    assert set(verdicts) == {"llama", "vit"}
    assert all("time limit" in verdict.failed[0].reason for verdict in verdicts.values())


@pytest.mark.exhaustive
@pytest.mark.slow
def test_real_weights_are_told_and_foreign_ones_refused(tmp_path: Path, fork_models: Try) -> None:
    from transformers import BertConfig, BertModel

    BertModel(BertConfig(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=37)).save_pretrained(tmp_path / "whole")  # fmt: skip
    whole = fork_models("bert", weights=str(tmp_path / "whole"))["bert"]
    assert whole.implementation == "REAL" and not whole.failed, whole.failed
    other = fork_models("vit", weights=str(tmp_path / "whole"))["vit"]
    assert "is of the type bert" in other.failed[0].reason
    headless = tmp_path / "headless"
    (tmp_path / "whole").rename(headless)
    settings = json.loads((headless / "config.json").read_text())
    (headless / "config.json").write_text(
        json.dumps(settings | {"architectures": ["BertForMaskedLM"]})
    )
    part = fork_models("bert", weights=str(headless))["bert"]
    assert part.implementation == "RANDOM"
    assert "not in the checkpoint" in part.notes[-1]


DEVICES = {"openvino": "openvino", "onnxruntime": "onnxscript"}


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_a_device_answers_as_the_cpu_and_a_broken_weight_does_not(
    device: str, fork_models: Try
) -> None:
    pytest.importorskip("onnx")
    if find_spec(device) is None or find_spec(DEVICES[device]) is None:
        pytest.skip(f"{device} is not installed")
    row = fork_models("vit", basic=True, devices=(device,))["vit"].devices[0]
    assert not row.failed, row.failed
    assert row.status_of("other-shape") == "passed" and "CPU" in row.ran_on
    broken = fork_models("vit", basic=True, devices=(device,), device_fault="zeroed-weight")
    assert [f.check for f in broken["vit"].devices[0].failed] == ["match"]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_what_an_exporter_cannot_take_is_traced(fork_models: Try) -> None:
    pytest.importorskip("onnxruntime")
    tried = fork_models("qwen2_vl", basic=True, devices=("cpu", "onnxruntime"))["qwen2_vl"]
    graph, traced = tried.devices
    assert "data-dependent" in graph.failed[0].reason
    assert tried.status_of("export") == "failed"
    assert traced.status_of("match") == "passed" and traced.way.startswith("traced")
    assert "with shapes that may change, export" in traced.failed[0].reason
