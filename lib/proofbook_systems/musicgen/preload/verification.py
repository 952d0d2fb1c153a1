"""Verify a model in the cache: every file there, whole, unchanged, and readable.

Two layouts are known, and a folder may hold both: transformers' (configuration and safetensors) and
audiocraft's (two checkpoints and a T5). Nothing is loaded onto a device, and nothing in a file is
executed. Shapes are compared elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.musicgen.checkpoints import (
    CODEC_FILE,
    LANGUAGE_FILE,
    open_checkpoint,
    verify_checkpoint,
)
from proofbook_systems.musicgen.preload.checksums import NOTES_FILE, Note, is_inside, read_notes
from proofbook_systems.musicgen.preload.companions import companions_of
from proofbook_systems.musicgen.preload.findings import Finding, first_per_file, read_or_find
from proofbook_systems.musicgen.preload.transfer import part_of
from proofbook_systems.musicgen.subject import check_safetensors

__all__ = [
    "NETWORKS", "Layout", "check_files", "check_loadable", "indexed_files", "layouts_of",
    "read_config", "weight_files",
]  # fmt: skip

Layout = Literal["transformers", "audiocraft"]
NETWORKS = {
    "musicgen": "MusicgenForConditionalGeneration",
    "musicgen_melody": "MusicgenMelodyForConditionalGeneration",
    "encodec": "EncodecModel",
    "t5": "T5EncoderModel",
}
"""What each kind of model is built as; the text encoder and the codec also come alone."""

_UNFINISHED = (".part", ".incomplete")
_SINGLE = "model.safetensors"
_INDEX = f"{_SINGLE}.index.json"
_TOKENIZER = ("tokenizer.json", "spiece.model")
_PROCESSOR = ("preprocessor_config.json", "processor_config.json")
_SETTINGS = (
    "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer_config.json", "tokenizer.json",
)  # fmt: skip
_BESIDE: dict[str, tuple[tuple[str, ...], ...]] = {
    "musicgen": (_TOKENIZER, _PROCESSOR),
    "musicgen_melody": (_TOKENIZER, _PROCESSOR),
    "t5": (_TOKENIZER,),
}
"""What each kind needs besides weights: one of each."""


def layouts_of(folder: Path) -> tuple[Layout, ...]:
    """Return whose files these are: one's, both's, or neither's."""
    layouts: list[Layout] = []
    if (folder / "config.json").is_file() or any(folder.glob("*.safetensors.index.json")):
        layouts.append("transformers")
    if (folder / LANGUAGE_FILE).is_file() or (folder / CODEC_FILE).is_file():
        layouts.append("audiocraft")
    return tuple(layouts)


def check_files(folder: Path) -> list[Finding]:
    """Compare every file with its size and checksum on arrival; name what is missing or unfinished.

    What was linked next to checkpoints is compared with its own notes.
    """
    if not (folder / NOTES_FILE).is_file():
        wanted = f"config.json and model.safetensors, or {LANGUAGE_FILE} and {CODEC_FILE}"
        return [Finding("missing", NOTES_FILE, wanted, "nothing was preloaded here")]
    findings: list[Finding] = []
    for notes in sorted(folder.rglob(NOTES_FILE)):
        damaged = read_or_find(folder, notes, lambda path: read_notes(path.parent))
        findings += damaged
        for path, note in ({} if damaged else read_notes(notes.parent)).items():
            name = (notes.parent / path).relative_to(folder).as_posix()
            findings += _against_note(notes.parent / path, name, note)
    return first_per_file([*findings, *_unfinished(folder)])


def check_loadable(folder: Path) -> list[Finding]:
    """Read every weight file as far as its format can tell that it is whole."""
    layouts = layouts_of(folder)
    findings = [*_transformers(folder)] if "transformers" in layouts else []
    findings += [*_audiocraft(folder)] if "audiocraft" in layouts else []
    if not layouts:
        findings.append(Finding("missing", "config.json", f"it or {LANGUAGE_FILE}", "neither"))
    return first_per_file(findings)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of transformers' layout: the one, or else all of an index.

    An index beside a single file is what an earlier save has left, and is not read.

    Raises:
        SubjectError: The index cannot be read, names no file, or one that is not below its folder.
    """
    return sorted(set(indexed_files(folder).values())) or [folder / _SINGLE]


def indexed_files(folder: Path) -> dict[str, Path]:
    """Return the file of each tensor by the index; empty where there is a single file instead.

    Raises:
        SubjectError: The index cannot be read, names no file, or one that is not below its folder.
    """
    index = folder / _INDEX
    if (folder / _SINGLE).is_file() or not index.is_file():
        return {}
    try:
        places = json.loads(index.read_bytes())["weight_map"].items()
        shards = {str(tensor): str(file) for tensor, file in places}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise SubjectError(f"{index} is not a weight index ({error}); preload it again") from error
    outside = next((file for file in shards.values() if not is_inside(file)), None)
    if outside is not None or not shards:
        named = f"{outside!r}, which is not below its folder" if shards else "no file"
        raise SubjectError(f"{index} names {named}; preload it again")
    return {tensor: folder / file for tensor, file in shards.items()}


def _against_note(place: Path, name: str, note: Note) -> Iterator[Finding]:
    size = "some bytes" if note.size is None else f"{note.size:,} bytes"
    if not place.is_file() or not note.arrived:
        part = part_of(place)
        if part.exists():
            yield Finding("unfinished", name, size, f"{part.stat().st_size:,} of them")
        else:
            yield Finding("missing", name, size, "an older one" if place.is_file() else "no file")
        return
    actual = place.stat().st_size
    if actual != note.size:
        yield Finding("size", name, size, f"{actual:,} bytes")
        return
    digest = hash_file(place)
    if digest != note.sha256:
        yield Finding("changed", name, f"sha256 {note.sha256[:12]}…", f"sha256 {digest[:12]}…")


def _unfinished(folder: Path) -> Iterator[Finding]:
    """Yield what has not arrived; what is hidden, or beside its whole file, is only left over."""
    for half in sorted(p for p in folder.rglob("*") if p.name.endswith(_UNFINISHED)):
        hidden = any(part.startswith(".") for part in half.relative_to(folder).parts)
        if hidden or not half.is_file() or half.with_suffix("").is_file():
            continue
        name = half.relative_to(folder).as_posix().removesuffix(".part")
        yield Finding("unfinished", name, "a whole file", f"{half.stat().st_size:,} bytes of it")


def _transformers(folder: Path, below: str = "") -> Iterator[Finding]:
    """Look over a model, a text encoder or a codec in ``folder / below``."""
    place = folder / below
    config = place / "config.json"
    yield from read_or_find(folder, config, _check_config)
    wanted = _BESIDE.get(str(read_config(config).get("model_type")), ())
    for names in wanted:
        if not any((place / name).is_file() for name in names):
            first = (place / names[0]).relative_to(folder).as_posix()
            yield Finding("missing", first, " or ".join(names), "neither")
    for name in _SETTINGS:
        if (place / name).is_file():
            yield from read_or_find(folder, place / name, _check_settings)
    index = read_or_find(folder, place / _INDEX, lambda _: weight_files(place))
    yield from index
    for path in [] if index else weight_files(place):
        yield from _weights(folder, path)


def _weights(folder: Path, path: Path) -> Iterator[Finding]:
    if path.is_file():
        yield from read_or_find(folder, path, _check_tensors)
        return
    others = sorted(p.name for p in path.parent.glob("*model*.bin"))
    actual = f"only {others[0]}, which is not loaded here" if others else "no file"
    name = path.relative_to(folder).as_posix()
    yield Finding("missing", name, "weights as safetensors", actual)


def _audiocraft(folder: Path) -> Iterator[Finding]:
    for name in (LANGUAGE_FILE, CODEC_FILE):
        if not (folder / name).is_file():
            yield Finding("missing", name, "a checkpoint, or a pointer to one", "no file")
            continue
        yield from read_or_find(folder, folder / name, open_checkpoint)
        yield from read_or_find(folder, folder / name, verify_checkpoint)
    for name, place, named_by in companions_of(folder):
        if (folder / place / "config.json").is_file():
            yield from _transformers(folder, place)
        elif not any((folder / place / file).is_file() for file in (CODEC_FILE, LANGUAGE_FILE)):
            yield Finding("missing", f"{place}/config.json", f"{name}, as {named_by} names", "none")


def read_config(path: Path) -> dict[str, Any]:
    """Return a JSON object; empty where the file is none."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _check_config(path: Path) -> None:
    if not path.is_file():
        raise SubjectError(f"{path} is missing; preload it again")
    kind = read_config(path).get("model_type")
    if kind not in NETWORKS:
        what = f"describes a {kind}, which no MusicGen needs" if kind else "describes no model"
        raise SubjectError(f"{path} {what}; check the source")


def _check_settings(path: Path) -> None:
    """Read a file of settings as far as any of its readers does."""
    try:
        whole = isinstance(json.loads(path.read_bytes()), dict)
    except ValueError as error:
        raise SubjectError(f"{path} is not JSON ({error}); preload it again") from error
    if not whole:
        raise SubjectError(f"{path} is not a JSON object; preload it again")


def _check_tensors(path: Path) -> None:
    """Read a header as strictly as the format's own library does."""
    from safetensors import SafetensorError, safe_open

    try:
        check_safetensors(path)
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is not a mapping
                file.get_slice(name).get_shape()
    except (SafetensorError, AttributeError, TypeError, ValueError) as error:
        raise SubjectError(
            f"{path} is not a safetensors file ({error}); preload it again"
        ) from error
