"""Verify a model in the cache: every file there, whole, unchanged, readable, of the right shape.

Two layouts are known: transformers' (configuration and safetensors) and audiocraft's (two
checkpoints and a T5). Nothing is loaded onto a device, and nothing in a file is executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook.errors import SubjectError
from proofbook.systems.musicgen.checkpoints import (
    CODEC_FILE,
    LANGUAGE_FILE,
    open_checkpoint,
    verify_checkpoint,
)
from proofbook.systems.musicgen.preload.store import SUMS_FILE, read_sums
from proofbook.systems.musicgen.subject import check_folder, check_safetensors

__all__ = ["Finding", "Layout", "check_files", "check_loadable", "check_shapes", "layout_of"]

Layout = Literal["transformers", "audiocraft", "unknown"]
_UNFINISHED = (".part", ".incomplete")
_NETWORKS = {
    "musicgen": "MusicgenForConditionalGeneration",
    "encodec": "EncodecModel",
    "t5": "T5EncoderModel",
}
"""What each kind of model is built as; the text encoder and the codec also come alone."""


class Finding(NamedTuple):
    """Something wrong with a file."""

    kind: Literal["missing", "unfinished", "size", "changed", "unreadable", "shape"]
    file: str
    why: str

    @property
    def words(self) -> str:
        """The finding as a line."""
        return f"{self.file} ({self.kind}): {self.why}"


def layout_of(folder: Path) -> Layout:
    """Return whose files these are."""
    if (folder / LANGUAGE_FILE).is_file() or (folder / CODEC_FILE).is_file():
        return "audiocraft"
    return "transformers" if (folder / "config.json").is_file() else "unknown"


def check_files(folder: Path) -> list[Finding]:
    """Compare every file with its size and checksum on arrival; name what is missing or unfinished.

    Raises:
        SubjectError: What was noted on arrival cannot be read.
    """
    sums = read_sums(folder)
    if not sums:
        return [Finding("missing", SUMS_FILE, "nothing was preloaded here, or not to its end")]
    found = [finding for path, noted in sums.items() for finding in _file(folder, path, *noted)]
    halves = [p for p in folder.rglob("*") if p.name.endswith(_UNFINISHED)]
    return found + [
        Finding("unfinished", p.relative_to(folder).as_posix(), "preload again to finish it")
        for p in sorted(halves)
    ]


def check_loadable(folder: Path) -> list[Finding]:
    """Read every weight file as far as its format can tell that it is whole."""
    checks = _readers(folder)
    return [f for path, read in checks for f in _attempted(folder, path, read)]


def check_shapes(folder: Path) -> list[Finding]:
    """Compare the shapes of all weights with those that the configuration asks for."""
    kind = layout_of(folder)
    if kind == "audiocraft":
        return _audiocraft_shapes(folder)
    unreadable = check_loadable(folder)
    return unreadable or _transformers_shapes(folder)


def _file(folder: Path, path: str, size: int, sha256: str) -> Iterator[Finding]:
    place = folder / path
    if not place.is_file():
        yield Finding("missing", path, f"it had {size:,} bytes")
        return
    found = place.stat().st_size
    if found != size:
        yield Finding("size", path, f"it has {found:,} bytes and had {size:,}")
        return
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        yield Finding("changed", path, f"its sha256 is {digest[:12]}… and was {sha256[:12]}…")


def _readers(folder: Path) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    kind = layout_of(folder)
    if kind == "transformers":
        yield folder, check_folder if _model_type(folder) == "musicgen" else _check_part
    elif kind == "audiocraft":
        for name in (LANGUAGE_FILE, CODEC_FILE):
            yield folder / name, open_checkpoint
            yield folder / name, verify_checkpoint
    else:
        yield folder, _refuse
    for path in sorted(folder.rglob("*.safetensors")):
        yield path, check_safetensors


def _model_type(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_bytes()).get("model_type"))
    except (OSError, ValueError, AttributeError):
        return "musicgen"  # whose own check names what is wrong


def _check_part(folder: Path) -> None:
    """Look over a text encoder or a codec that comes alone."""
    kind = _model_type(folder)
    if kind not in _NETWORKS:
        raise SubjectError(f"{folder} holds a {kind}, which no MusicGen needs; check the source")
    if not any(folder.glob("*.safetensors")):
        raise SubjectError(f"{folder} has no weights as safetensors; take a source that has them")


def _refuse(folder: Path) -> None:
    raise SubjectError(f"{folder} holds neither config.json nor {LANGUAGE_FILE}; preload it again")


def _attempted(folder: Path, path: Path, read: Callable[[Path], object]) -> list[Finding]:
    try:
        read(path)
    except SubjectError as error:
        return [Finding("unreadable", path.relative_to(folder).as_posix(), str(error))]
    return []


def _transformers_shapes(folder: Path) -> list[Finding]:
    import torch
    import transformers
    from safetensors import safe_open
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        network = getattr(transformers, _NETWORKS[config.model_type])(config)
    network.tie_weights()
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    there: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            there |= {_newer(name): tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    optional = set(network.all_tied_weights_keys)
    return _compared(wanted, there, optional, "model")


def _newer(name: str) -> str:
    """Return torch's newer name of a weight-norm half, as transformers does when it loads."""
    name = name.replace(".weight_g", ".parametrizations.weight.original0")
    return name.replace(".weight_v", ".parametrizations.weight.original1")


def _compared(
    wanted: dict[str, tuple[int, ...]],
    there: dict[str, tuple[int, ...]],
    optional: set[str],
    file: str,
) -> list[Finding]:
    found = []
    for name, shape in wanted.items():
        if name not in there and name not in optional:
            found.append(Finding("shape", file, f"{name} is not there"))
        elif name in there and there[name] != shape:
            shapes = f"{list(there[name])} and should have {list(shape)}"
            found.append(Finding("shape", file, f"{name} has shape {shapes}"))
    return found


def _audiocraft_shapes(folder: Path) -> list[Finding]:
    from proofbook.systems.musicgen.mapping import map_checkpoints
    from proofbook.systems.musicgen.sources import resolve_checkpoints

    try:
        model = map_checkpoints(resolve_checkpoints(str(folder)))
    except (SubjectError, json.JSONDecodeError) as error:
        return [Finding("unreadable", LANGUAGE_FILE, str(error))]
    said = [Finding("shape", "xp.cfg", line) for line in model.architecture.contradictions]
    refused = [r for plan in model.plans.values() for r in plan.refused]
    empty = [Finding("shape", "checkpoints", f"{name} has no source") for name in model.unfilled]
    return said + [Finding("shape", "checkpoints", r.words) for r in refused] + empty
