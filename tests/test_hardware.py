"""What the machine has, as seen through control groups, nvidia-smi and the disk."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from proofbook import hardware

TWO_CARDS = """\
0, GPU-aaaa-1111, NVIDIA H100 80GB HBM3, 81559, 80994, 550.54.15
1, GPU-bbbb-2222, NVIDIA H100 80GB HBM3, 81559, 10000, 550.54.15
"""


@pytest.fixture
def fake_smi(tmp_path: Path):
    """Return a function that puts an nvidia-smi with the given answer on a PATH of its own."""

    def make(answer: str, code: int = 0, prelude: str = "") -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "nvidia-smi"
        (tmp_path / "answer").write_text(answer)
        program.write_text(f"#!/bin/sh\n{prelude}\n/bin/cat {tmp_path / 'answer'}\nexit {code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return {"PATH": str(folder)}

    return make


def test_import_probes_nothing_and_loads_no_torch():
    code = (
        "import sys, subprocess\n"
        "def refuse(*a, **k): raise AssertionError('probed at import')\n"
        "subprocess.Popen.__init__ = refuse\n"
        "import proofbook.hardware\n"
        "assert not {'torch', 'psutil', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_describe_gives_numbers_and_texts_of_this_machine(tmp_path: Path):
    found = hardware.describe(tmp_path)
    assert found["cores"] >= 1
    assert 0 < found["memory_available_gb"] <= found["memory_gb"]
    assert found["disk_free_gb"] > 0
    assert all(isinstance(value, float | str) for value in found.values())


def test_cores_are_at_most_those_of_the_affinity():
    if hasattr(os, "sched_getaffinity"):
        assert 1 <= hardware.cores() <= len(os.sched_getaffinity(0))


def test_cpu_quota_of_a_group_limits_cores(tmp_path: Path):
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert hardware.cores(cgroups=tmp_path) == 1


def test_cpu_quota_of_version_1_limits_cores(tmp_path: Path):
    group = tmp_path / "cpu"
    group.mkdir()
    (group / "cpu.cfs_quota_us").write_text("100000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert hardware.cores(cgroups=tmp_path) == 1


def test_no_quota_leaves_cores_alone(tmp_path: Path):
    unlimited = hardware.cores(cgroups=tmp_path)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert hardware.cores(cgroups=tmp_path) == unlimited


def test_memory_limit_of_the_own_group_counts_and_its_cache_is_reclaimable(tmp_path: Path):
    (tmp_path / "membership").write_text("0::/user/job\n")
    group = tmp_path / "user" / "job"
    group.mkdir(parents=True)
    (tmp_path / "memory.max").write_text("max\n")
    (group / "memory.max").write_text(str(1024**3))
    (group / "memory.current").write_text(str(900 * 1024**2))
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {388 * 1024**2}\n")
    found = hardware.memory(cgroups=tmp_path)
    assert found.total_gb == 1.0
    assert found.available_gb == pytest.approx(0.5)


def test_memory_limit_of_version_1_counts(tmp_path: Path):
    (tmp_path / "membership").write_text("4:memory:/box\n1:cpu:/\n")
    group = tmp_path / "memory" / "box"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text(str(2 * 1024**3))
    assert hardware.memory(cgroups=tmp_path).total_gb == 2.0


def test_disk_space_is_found_for_a_folder_that_does_not_exist_yet(tmp_path: Path):
    assert hardware.disk_free_gb(tmp_path / "not" / "yet") > 0


def test_gpus_are_read_from_nvidia_smi(fake_smi):
    first, second = hardware.gpus(fake_smi(TWO_CARDS))
    assert first.name == "NVIDIA H100 80GB HBM3"
    assert first.memory_gb == pytest.approx(79.6, abs=0.1)
    assert second.free_gb == pytest.approx(9.8, abs=0.1)
    assert second.driver == "550.54.15"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("1", [1]), ("1,0", [1, 0]), ("GPU-bbbb", [1]), ("", []), ("-1", []), ("0,7,1", [0])],
)
def test_hidden_gpus_are_left_out(fake_smi, setting: str, expected: list[int]):
    environ = fake_smi(TWO_CARDS) | {"CUDA_VISIBLE_DEVICES": setting}
    found, problem = hardware.find_gpus(environ)
    assert [gpu.index for gpu in found] == expected
    assert bool(problem) is not bool(expected)


def test_a_card_without_memory_of_its_own_is_still_a_card(fake_smi):
    (gpu,) = hardware.gpus(fake_smi("0, GPU-1, NVIDIA GB10, [N/A], [N/A], 580.95.05\n"))
    assert (gpu.name, gpu.memory_gb) == ("NVIDIA GB10", 0.0)


def test_a_driver_that_fails_is_no_gpu_and_says_why(fake_smi):
    found, problem = hardware.find_gpus(fake_smi("couldn't communicate with the driver", code=9))
    assert found == ()
    assert "code 9" in problem
    assert "couldn't communicate" in problem


def test_a_driver_that_hangs_is_no_gpu(fake_smi):
    environ = fake_smi(TWO_CARDS, prelude="exec /bin/sleep 30")
    found, problem = hardware.find_gpus(environ, timeout=0.3)
    assert found == ()
    assert "does not answer" in problem


def test_a_machine_without_nvidia_smi_has_no_gpu(tmp_path: Path):
    found, problem = hardware.find_gpus({"PATH": str(tmp_path)})
    assert (found, problem) == ((), "nvidia-smi is not on the PATH")


def test_missing_speaks_in_sentences(fake_smi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hardware.missing({"gpu": 1}, tmp_path) == ["needs 1 gpu, found 0"]
    assert hardware.missing({"cores": 1, "memory_gb": 0.1, "disk_gb": 0}, tmp_path) == []
    assert hardware.missing({"tpu": 2}, tmp_path) == ["needs 2 tpu, found 0"]
    (sentence,) = hardware.missing({"memory_gb": 1e6}, tmp_path)
    assert sentence.startswith("needs 1e+06 memory_gb, found ")


def test_gpu_requirements_are_measured(fake_smi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in fake_smi(TWO_CARDS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert hardware.missing({"gpu": 2, "gpu_memory_gb": 79, "gpu_driver": 550.54}, tmp_path) == []
    assert hardware.missing({"gpu": 3, "gpu_driver": 560}, tmp_path) == [
        "needs 3 gpu, found 2",
        "needs 560 gpu_driver, found 550.54",
    ]
    described = hardware.describe(tmp_path)
    assert described["gpu"] == 2.0
    assert described["gpu_driver"] == "550.54.15"


def test_slots_fit_cores_and_memory_and_are_never_none():
    assert 1 <= hardware.default_slots() <= hardware.cores()
    assert hardware.default_slots(per_job_gb=10_000) == 1
    assert hardware.default_slots(per_job_gb=0.001) == hardware.cores()
