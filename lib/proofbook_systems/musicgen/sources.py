"""Find the audiocraft checkpoints that a person named, and the text encoder that belongs to them.

They end as three paths on this disk: language model, codec, T5. Opens no checkpoint further than
needed to follow its pointers. Loads no weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.fingerprints import revision_of
from proofbook.subjects import resolve_reference
from proofbook_systems.musicgen.checkpoints import (
    CODEC_FILE,
    LANGUAGE_FILE,
    files_of,
    open_checkpoint,
)
from proofbook_systems.musicgen.shards import INDEX_ENDING
from proofbook_systems.musicgen.snapshots import find_snapshot

__all__ = ["CheckpointFiles", "find_checkpoints", "revision"]

_OUTPUTS_FILE = "reference_outputs.safetensors"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_TEXT_FOLDER = "t5"
_USUAL_TEXT = "t5-base"


@dataclass(frozen=True, kw_only=True)
class CheckpointFiles:
    """Checkpoints that are there."""

    name: str
    """Short, and fit for a file name."""
    language: Path
    codec: Path
    text: Path
    """A folder that transformers' T5 loads from."""
    outputs: Path | None
    """What the model that wrote the checkpoints computed, where that is known."""


def find_checkpoints(
    model: str,
    *,
    text_encoder: str = "",
    outputs: str = "",
    cache: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> CheckpointFiles:
    """Return the checkpoints called ``model``.

    That is ``reference:<name>``, ``random:<name>``, a folder, or a hub id.

    ``text_encoder`` is a folder or a hub id; empty is what is next to the checkpoints, else what
    ``xp.cfg`` names. ``AUDIOCRAFT_CACHE_DIR`` and ``HF_HOME`` are looked into for hub ids.

    Raises:
        SubjectError: Something is missing, or is not what it should be.
    """
    variables = os.environ if environ is None else environ
    folder, name = _folder(model, cache, variables)
    language = _present(folder, LANGUAGE_FILE, "model")
    codec = _present(folder, CODEC_FILE)
    known = Path(outputs).expanduser() if outputs else folder / _OUTPUTS_FILE
    if outputs and not known.is_file():
        raise SubjectError(f"reference output {known} does not exist; give the file, or none")
    return CheckpointFiles(
        name=name,
        language=language,
        codec=_followed(codec),
        text=_text(text_encoder, folder, language, variables),
        outputs=known if known.is_file() else None,
    )


def _folder(model: str, cache: Path | None, environ: Mapping[str, str]) -> tuple[Path, str]:
    if reference := resolve_reference(model, "musicgen.checkpoints", root=cache):
        return reference.path, re.sub(r"\W+", "-", reference.name)
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve(), path.resolve().name
    if path.exists() or not _HUB_ID.fullmatch(model):
        raise SubjectError(
            f"checkpoint folder {model} {'is a file' if path.exists() else 'does not exist'}; give "
            f"the folder that holds {LANGUAGE_FILE} and {CODEC_FILE}, or a hub id"
        )
    return _hub(model, environ), model.split("/")[-1].removeprefix("musicgen-")


def _present(folder: Path, usual: str, *others: str) -> Path:
    """Return the checkpoint in a folder: under its usual name, as safetensors, or in shards."""
    stem = usual.removesuffix(".bin")
    names = [usual, f"{stem}.safetensors", f"{stem}{INDEX_ENDING}"]
    if not _is_converted(folder):
        names += [f"{name}{ending}" for name in others for ending in (INDEX_ENDING, ".safetensors")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    if _is_converted(folder):
        raise SubjectError(
            f"{folder} has a model in transformers' layout and no {usual}: its keys are mapped "
            "already; run musicgen/generate with it as model"
        )
    raise SubjectError(
        f"{folder / usual} is missing; run musicgen/preload, or give a folder that has it"
    )


def _is_converted(folder: Path) -> bool:
    """Say whether a folder has a MusicGen as transformers saves it."""
    config = folder / "config.json"
    try:
        content = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    except ValueError:
        return False
    return isinstance(content, dict) and str(content.get("model_type")).startswith("musicgen")


def revision(path: Path) -> str:
    """Return what tells a checkpoint from another version of it, all of its shards included."""
    revisions = [revision_of(each) for each in files_of(path)]
    return (
        revisions[0]
        if len(revisions) == 1
        else hashlib.sha256("\n".join(revisions).encode()).hexdigest()
    )


def _followed(codec: Path) -> Path:
    """Return the codec's checkpoint, or the one that it points to."""
    name = open_checkpoint(codec).pretrained
    if not name:
        return codec
    name = name.removeprefix("//pretrained/")
    places = [codec.parent / name, codec.parent / name.split("/")[-1]]
    for place in places:
        for path in (place, place / CODEC_FILE, place / LANGUAGE_FILE):
            if path.is_file() and path != codec:
                return path
    raise SubjectError(
        f"{codec} only points to the pretrained codec {name}; put that codec's checkpoint at "
        f"{places[1]}/{CODEC_FILE}, or export the model with its codec"
    )


def _text(wanted: str, folder: Path, language: Path, environ: Mapping[str, str]) -> Path:
    """Return the T5's folder: the one given, the one next to the checkpoints, or the usual one."""
    if not wanted and (folder / _TEXT_FOLDER / "config.json").is_file():
        return folder / _TEXT_FOLDER
    path = Path(wanted).expanduser()
    if wanted and path.is_dir():
        return path.resolve()
    named = wanted or _configured_text(language)
    return _hub(named, environ)


def _configured_text(language: Path) -> str:
    config = open_checkpoint(language).config or {}
    conditioners = config.get("conditioners") or {}
    description = conditioners.get("description") or {}
    return str((description.get("t5") or {}).get("name") or _USUAL_TEXT)


def _hub(name: str, environ: Mapping[str, str]) -> Path:
    """Return the snapshot of a hub repository; ``AUDIOCRAFT_CACHE_DIR`` is looked into first.

    Raises:
        SubjectError: No cache has it, or one has several revisions and none is called main.
    """
    folders = [Path(environ[v]) for v in ("AUDIOCRAFT_CACHE_DIR",) if environ.get(v)]
    for cache in (*folders, None):
        if snapshot := find_snapshot(name, cache):
            return snapshot
    raise SubjectError(
        f"{name} is in no cache here; run musicgen/preload with it, set HF_HOME or "
        "AUDIOCRAFT_CACHE_DIR to a cache that has it, or give a folder instead: a codec beside the "
        "checkpoints, the T5 as text_encoder"
    )
