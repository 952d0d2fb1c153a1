"""Models come with what they need; one that does not come keeps no other from coming."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from faulty_mirror import Mirror

from proofbook_subjects.musicgen.audiocraft.reference import reference_checkpoints, write_checkpoint
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, open_checkpoint
from proofbook_systems.musicgen.preload.arrival import Arrivals, bring_models
from proofbook_systems.musicgen.preload.companions import companions_of
from proofbook_systems.musicgen.preload.manifest import ManifestEntry
from proofbook_systems.musicgen.preload.resolution import wanted_models
from proofbook_systems.musicgen.preload.shapes import check_shapes
from proofbook_systems.musicgen.preload.verification import check_files, check_loadable


@pytest.fixture
def bare(cache: Path, tmp_path: Path) -> Path:
    """A mirror folder: checkpoints without their T5, as they are published, and the T5."""
    source, mirror = reference_checkpoints("tiny", "pair", cache), tmp_path / "mirror"
    shutil.copytree(source / "t5", mirror / "t5-base")
    for name in (LANGUAGE_FILE, CODEC_FILE):
        (mirror / "me" / "tiny").mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, mirror / "me" / "tiny" / name)
    return mirror


@pytest.fixture
def bring(bare: Path, tmp_path: Path) -> Callable[..., Arrivals]:
    """Return a function that brings models from the mirror."""

    def apply(
        known: dict[str, ManifestEntry] | None = None, offline: bool = False, **models: str
    ) -> Arrivals:
        manifest = known or {}
        wanted = wanted_models(models or {"tiny": "me/tiny"}, manifest)
        return bring_models(wanted, manifest, tmp_path / "models", mirror=str(bare),
                            offline=offline)  # fmt: skip

    return apply


def findings(folder: Path) -> list[Any]:
    return [*check_files(folder), *check_loadable(folder), *check_shapes(folder)]


@pytest.mark.exhaustive
def test_the_text_encoder_that_a_checkpoint_names_is_brought_and_linked(
    bring: Callable[..., Arrivals], tmp_path: Path
):
    arrived = bring()
    assert (list(arrived.results), arrived.problems) == (["tiny", "t5-base"], {})
    assert arrived.entries["t5-base"].purpose == "text encoder"
    beside = tmp_path / "models" / "me--tiny" / "t5" / "model.safetensors"
    assert beside.samefile(tmp_path / "models" / "t5-base" / "model.safetensors")
    assert findings(tmp_path / "models" / "me--tiny") == []
    assert findings(tmp_path / "models" / "t5-base") == []
    assert [r.bytes_brought for r in bring().results.values()] == [0, 0]


def test_a_text_encoder_that_is_wanted_anyway_comes_once(
    bring: Callable[..., Arrivals], tmp_path: Path
):
    arrived = bring(tiny="me/tiny", mine="t5-base")
    assert list(arrived.results) == ["tiny", "mine"]
    known = {"ours": ManifestEntry(hf_id="t5-base", local_path="t5-base")}
    assert list(bring(known, tiny="me/tiny").results) == ["tiny", "ours"]


def test_two_models_share_a_text_encoder(bring: Callable[..., Arrivals], bare: Path):
    shutil.copytree(bare / "me" / "tiny", bare / "me" / "other")
    assert list(bring(a="me/tiny", b="me/other").results) == ["a", "b", "t5-base"]


def test_a_text_encoder_that_is_nowhere_is_a_problem_of_its_own(
    bring: Callable[..., Arrivals], bare: Path, tmp_path: Path
):
    shutil.rmtree(bare / "t5-base")
    arrived = bring()
    assert list(arrived.results) == ["tiny"]
    assert "mirror folder" in arrived.problems["t5-base"]
    assert ("missing", "t5/config.json") in [
        f[:2] for f in check_loadable(tmp_path / "models" / "me--tiny")
    ]


def test_a_codec_that_is_only_pointed_to_is_brought_too(
    bring: Callable[..., Arrivals], bare: Path, reference: Path, tmp_path: Path
):
    from transformers import EncodecConfig, EncodecModel

    torch.save({"pretrained": "//pretrained/facebook/enc"}, bare / "me" / "tiny" / CODEC_FILE)
    small = json.loads((reference / "config.json").read_text())["audio_encoder"]
    EncodecModel(EncodecConfig(**small)).save_pretrained(bare / "facebook" / "enc")
    assert list(bring().results) == ["tiny", "t5-base", "enc"]
    assert (tmp_path / "models" / "me--tiny" / "enc" / "config.json").is_file()
    assert findings(tmp_path / "models" / "me--tiny") == []


@pytest.mark.parametrize("name", ["..", "a/..", "/etc", "../../x", "https://evil.example/x", ""])
def test_a_checkpoint_does_not_choose_among_our_folders(cache: Path, tmp_path: Path, name: str):
    source = reference_checkpoints("tiny", "pair", cache)
    config = dict(open_checkpoint(source / LANGUAGE_FILE).config or {})
    config["conditioners"] = {"description": {"t5": {"name": name}}}
    write_checkpoint(tmp_path / LANGUAGE_FILE, {}, json.dumps(config))
    torch.save({"pretrained": name}, tmp_path / CODEC_FILE)
    assert [c.name for c in companions_of(tmp_path)] == ([] if name else ["t5-base"])


def test_damaged_checkpoints_name_the_usual_text_encoder(tmp_path: Path):
    for name in (LANGUAGE_FILE, CODEC_FILE):
        (tmp_path / name).write_bytes(b"PK\x03\x04 cut")
    assert [c[:2] for c in companions_of(tmp_path)] == [("t5-base", "t5")]


def test_one_that_does_not_come_keeps_no_other_from_coming(
    bring: Callable[..., Arrivals], bare: Path
):
    arrived = bring(gone="me/gone", tiny="me/tiny", odd="/no/where")
    assert set(arrived.problems) == {"gone", "odd"}
    assert set(arrived.entries) == {"tiny", "t5-base"}


def test_offline_what_lies_in_the_cache_is_taken_as_it_is(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "none"))
    shutil.copytree(reference, tmp_path / "team" / "small")
    known = {"small": ManifestEntry(hf_id="facebook/musicgen-small", local_path="team/small")}
    wanted = wanted_models({"small": "", "large": ""}, known)
    arrived = bring_models(wanted, known, tmp_path, mirror="", offline=True)
    assert list(arrived.results) == ["small"]
    assert "facebook/musicgen-large is not in" in arrived.problems["large"]
    assert findings(tmp_path / "team" / "small") == []


@pytest.mark.exhaustive
def test_a_mirror_on_the_network_serves_checkpoints_and_their_text_encoder(
    mirror: Mirror, bare: Path, tmp_path: Path
):
    files = [path for path in sorted(bare.rglob("*")) if path.is_file()]
    mirror.files = {path.relative_to(bare).as_posix(): path.read_bytes() for path in files}
    wanted = wanted_models({"tiny": "me/tiny"}, {})
    arrived = bring_models(wanted, {}, tmp_path / "models", mirror=mirror.base, offline=False)
    assert (list(arrived.results), arrived.problems) == (["tiny", "t5-base"], {})
    assert findings(tmp_path / "models" / "me--tiny") == []
