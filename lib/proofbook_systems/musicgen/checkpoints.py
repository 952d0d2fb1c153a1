"""Open audiocraft's checkpoints: memory-mapped, and without executing anything in them.

A checkpoint is what ``torch.save`` made of ``{"best_state": …, "xp.cfg": …}``, or a pointer to one
of another name; or the tensors as safetensors, with ``xp.cfg`` among the metadata, in one file or
in several under an index.
Knows no model and maps no keys.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.shards import is_index, load_shards, shards_of

if TYPE_CHECKING:
    import torch

__all__ = [
    "CODEC_FILE",
    "LANGUAGE_FILE",
    "Checkpoint",
    "files_of",
    "open_checkpoint",
    "verify_checkpoint",
]

LANGUAGE_FILE = "state_dict.bin"
CODEC_FILE = "compression_state_dict.bin"

_AGAIN = "download or export it again"
_GLOBAL = re.compile(r"(?:GLOBAL|Unsupported global:?)\s+`?(?:GLOBAL )?([\w.]+)")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """An open checkpoint."""

    path: Path
    tensors: Mapping[str, torch.Tensor]
    """``best_state``; read from the file when used. Empty in a pointer."""
    config: Mapping[str, Any] | None
    """``xp.cfg``, its references resolved; None where there is none."""
    version: str
    """Of the audiocraft that wrote it; may be empty."""
    pretrained: str
    """The name of the checkpoint that this one points to, instead of holding one."""


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint; its tensors stay in the file until they are used.

    Raises:
        SubjectError: It is missing, no checkpoint, damaged, or would have to execute code.
    """
    content = _load(path)
    if not isinstance(content, dict):
        raise SubjectError(f"{path} holds {type(content).__name__} and no checkpoint; {_AGAIN}")
    pretrained = content.get("pretrained", "")
    if not pretrained and "best_state" not in content:
        keys = ", ".join(map(str, list(content)[:4])) or "nothing"
        raise SubjectError(
            f"{path} is not an audiocraft checkpoint: it has {keys} and no best_state; export it "
            "with audiocraft.utils.export"
        )
    return Checkpoint(
        path=path,
        tensors=_tensors(content.get("best_state", {}), path),
        config=_config(content.get("xp.cfg"), path),
        version=str(content.get("version") or ""),
        pretrained=str(pretrained),
    )


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that a checkpoint lies in: itself, and the shards where it is an index.

    Raises:
        SubjectError: It is an index that cannot be read, or that names what is not there.
    """
    return (path, *shards_of(path)) if is_index(path) else (path,)


def verify_checkpoint(path: Path) -> None:
    """Read a checkpoint whole and compare every part with its checksum.

    Raises:
        SubjectError: A part is damaged; the first is named.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [part.filename for part in archive.infolist() if part.file_size]
            damaged = [name for name in names if not _is_whole(archive, name)]
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        if not _is_archive(path):
            return  # torch's old format has no checksums
        raise SubjectError(f"{path} is damaged ({error}); {_AGAIN}") from error
    # torch.save can be told to compute none: then no part has its own.
    if damaged and len(damaged) < len(names):
        raise SubjectError(f"{path} is damaged: {damaged[0]} does not fit its checksum; {_AGAIN}")


def _is_whole(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as part:
        try:
            while part.read(2**20):
                pass
        except zipfile.BadZipFile:
            return False
    return True


def _load(path: Path) -> Any:
    import torch

    if is_index(path) and path.is_file():
        return _as_content(*load_shards(path))
    try:
        if _is_safetensors(path):
            return _load_safetensors(path)
        mapped = zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped or None)
    except FileNotFoundError as error:
        raise SubjectError(f"checkpoint {path} does not exist; give the file or folder") from error
    except pickle.UnpicklingError as error:
        raise SubjectError(_refusal(path, str(error))) from error
    except Exception as error:
        raise SubjectError(
            f"{path} is not a checkpoint that torch can read: {_why(path, error)}"
        ) from error


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size


def _load_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        told = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return _as_content(state, told)


def _as_content(state: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """Return tensors and metadata as ``torch.save`` would have kept them."""
    return {"best_state": state, "xp.cfg": told.get("xp.cfg"), "version": told.get("version")}


def _refusal(path: Path, message: str) -> str:
    named = _GLOBAL.search(message)
    if named:
        return (
            f"{path} is refused: reading it would execute code ({named[1]}); "
            "ask its author for one that holds tensors alone"
        )
    return f"{path} is not a checkpoint that torch can read: {_why(path, None)}"


def _why(path: Path, error: Exception | None) -> str:
    if path.is_dir():
        return "it is a folder; give the file"
    size = path.stat().st_size
    if size == 0:
        return f"it is empty; {_AGAIN}"
    if _is_archive(path):
        return f"its archive is truncated or damaged, at {size:,} bytes; {_AGAIN}"
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    if start[:1] == b"<":
        return f"it is a web page; {_AGAIN}"
    first = str(error).strip().splitlines()[0] if error and str(error).strip() else "other contents"
    return f"{first[:120]}; {_AGAIN}"


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _tensors(state: Any, path: Path) -> dict[str, torch.Tensor]:
    import torch

    if not isinstance(state, dict):
        raise SubjectError(f"best_state of {path} is {type(state).__name__}; {_AGAIN}")
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            kind = type(value).__name__
            raise SubjectError(f"best_state of {path} has {kind} for {name}, no tensor; {_AGAIN}")
    return {str(name): value for name, value in state.items()}


def _config(text: Any, path: Path) -> dict[str, Any] | None:
    import yaml

    if text is None:
        return None
    try:
        value = yaml.safe_load(text) if isinstance(text, str) else text
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise SubjectError(f"xp.cfg in {path} is not YAML (line {line}); {_AGAIN}") from error
    if not isinstance(value, dict):
        raise SubjectError(f"xp.cfg in {path} is {type(value).__name__}, not a mapping; {_AGAIN}")
    resolved: dict[str, Any] = _resolved(value, value, 0)
    return resolved


def _resolved(value: Any, root: Mapping[str, Any], depth: int) -> Any:
    """Return ``value`` with every ``${a.b}`` replaced by what ``root`` has there, if it has it."""
    if isinstance(value, dict):
        return {key: _resolved(each, root, depth) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, root, depth) for each in value]
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None or depth > 8:
        return value
    node: Any = root
    for part in match[1].split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return value if node is None else _resolved(node, root, depth + 1)
