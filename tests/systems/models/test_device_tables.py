"""What became of types on devices, in files and tables, without any model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runbook_defaults import config_of

from proofbook_systems.models.devices import tables
from proofbook_systems.models.devices.causes import find_device_cause
from proofbook_systems.models.devices.rows import ROWS, judge_export
from proofbook_systems.models.findings import DEVICE_STEPS, DeviceVerdict, Finding, Verdict
from proofbook_systems.models.results import ResultFiles
from proofbook_systems.models.trial import Options


def row(device: str, *, failed: str = "", reason: str = "it broke") -> DeviceVerdict:
    """Return the verdict of a device on which one step fails, and later ones are not reached."""
    findings = []
    for step in DEVICE_STEPS:
        if step == failed:
            findings.append(Finding(check=step, status="failed", reason=reason))
            break
        findings.append(Finding(check=step, status="passed"))
    return DeviceVerdict(device=device, findings=findings, metrics={"seconds": 2.0})


def verdict(name: str, *rows: DeviceVerdict, category: str = "language") -> Verdict:
    """Return the verdict on a type that answers."""
    findings = [Finding(check="forward", status="passed")]
    return Verdict(type=name, category=category, findings=findings, devices=list(rows))


SOME = [
    verdict("a", row("openvino"), DeviceVerdict(device="cuda", skipped="no CUDA device")),
    verdict("b", row("openvino", failed="other-shape", reason="a guard"),
            DeviceVerdict(device="cuda", skipped="no CUDA device")),
    verdict("c", row("openvino", failed="match", reason="logits is 1.0e-01 away; rounding"),
            DeviceVerdict(device="cuda", skipped="no CUDA device"), category="vision"),
]  # fmt: skip


def test_a_verdict_on_devices_survives_json() -> None:
    assert Verdict.from_dict(json.loads(json.dumps(SOME[1].as_dict()))) == SOME[1]


def test_shares_leave_out_what_was_not_tried() -> None:
    assert tables.share_on(SOME, "openvino", "match") == pytest.approx(2 / 3)
    assert tables.find_absence(SOME, "cuda") == "no CUDA device"
    assert tables.find_absence(SOME, "openvino") == ""
    uncompared = DeviceVerdict(
        device="openvino",
        findings=[Finding(check="match", status="skipped", reason="draws at random")],
    )
    assert tables.find_absence([verdict("vae", uncompared)], "openvino") == "draws at random"


def test_a_type_without_any_step_on_a_device_has_not_passed_there() -> None:
    lost = verdict("d", DeviceVerdict(device="openvino"))
    assert tables.share_on([lost], "openvino", "match") == 0.0


def test_the_table_counts_categories_and_single_shapes() -> None:
    words = tables.compatibility_table(SOME)
    assert "| language | 2 | 2/2 (1 in one shape) | not tried: no CUDA device |" in words
    assert "| vision | 1 | 0/1 |" in words
    assert "answers that rounding does not explain" in tables.causes_table(SOME)
    assert tables.name_causes(SOME, "openvino").startswith("match: answers that rounding")


def test_files_tell_each_device(tmp_path: Path) -> None:
    files = ResultFiles(folder=tmp_path)
    files.collect(SOME[2])
    files.write(SOME, 1.0)
    status = json.loads(files.collected_path(SOME[2]).read_text())["status"]
    assert status["openvino_init"] == "Success (RANDOM)"
    assert status["openvino_handler"].startswith("Failed: logits")
    assert status["cuda_init"] == "Not tried: no CUDA device"
    assert "on each device" in files.markdown_path.read_text()


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("GuardOnDataDependentSymNode: Could not guard", "control flow depends on values"),
        ("time limit of 60 s", "took too long"),
        ("ended by signal SIGSEGV", "crashed: SIGSEGV"),
        ("ValueError: Loss computation is not supported during", "answers with a loss, which no"
         " exporter takes"),
        ("AssertionError: Guard failed: mask.size()[1] == 11", "a shape was taken for a constant"),
        ("a: (1, 8) and (2, 11) is inf away", "answers of another shape or with infinities"),
        ("something 12 odd", "something N odd"),
    ],
)  # fmt: skip
def test_a_reason_has_a_cause(reason: str, cause: str) -> None:
    assert find_device_cause(reason) == cause


def test_a_graph_of_one_shape_is_an_export() -> None:
    assert judge_export(row("cpu", failed="other-shape")).status == "passed"
    assert judge_export(row("cpu", failed="inputs")).reason == "inputs: it broke"
    assert judge_export(DeviceVerdict(device="cpu", skipped="not there")).status == "skipped"
    assert judge_export(DeviceVerdict(device="cpu")).status == "skipped"


def test_devices_have_time_of_their_own() -> None:
    some = Options(devices=("openvino", "cuda"), device_seconds=10)
    assert some.most_device_seconds > 2 * 10 * 3
    assert Options().most_device_seconds == 0


def test_devices_are_named_as_they_are_known() -> None:
    assert config_of("models/matrix", devices="cpu,openvino").devices == ["cpu", "openvino"]
    for name in ROWS:
        assert config_of("models/single", devices=[name]).devices == [name]
    with pytest.raises(ValueError, match="openvino"):
        config_of("models/matrix", devices=["tpu"])
