"""OpenVINO leaves nothing behind, and calls nobody: neither while it is imported nor later."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from proofbook.processes import run
from proofbook_systems.models.devices.openvino import OpenVINO, refuse_telemetry

PROGRAM = """
import sys
from proofbook_systems.models.devices.openvino import refuse_telemetry

refuse_telemetry()
import openvino
import openvino.tools.ovc.telemetry_utils as telemetry

print("speaks with", telemetry.tm.__name__)
"""


@pytest.mark.parametrize("step", ["export", "compile"])
def test_every_step_on_the_device_refuses_telemetry_before_it(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino_telemetry", sys)
    nothing: Any = None
    with pytest.raises(AttributeError):
        if step == "export":
            OpenVINO(traced="torch").export(nothing, {}, None)
        else:
            OpenVINO().compile(nothing)
    with pytest.raises(ImportError):
        __import__("openvino_telemetry")


def test_a_refusal_holds_after_another_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino_telemetry", sys)
    refuse_telemetry()
    with pytest.raises(ImportError):
        __import__("openvino_telemetry")


@pytest.mark.exhaustive
@pytest.mark.slow
def test_nothing_is_written_into_the_home_folder(tmp_path: Path) -> None:
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    environment = {**os.environ, "HOME": str(tmp_path)}
    ended = run([sys.executable, "-c", PROGRAM], timeout=120, name="openvino", env=environment)
    assert ended.code == 0, ended.output
    assert "speaks with openvino.tools.ovc.telemetry_stub" in ended.output
    assert not list(tmp_path.iterdir())
