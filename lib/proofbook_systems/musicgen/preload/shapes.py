"""Compare the shapes of all weights with those that their configuration asks for.

The model is built without memory for its weights. Nothing is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.checkpoints import (
    CODEC_FILE,
    LANGUAGE_FILE,
    Checkpoint,
    open_checkpoint,
)
from proofbook_systems.musicgen.preload.companions import TEXT_FOLDER, companions_of
from proofbook_systems.musicgen.preload.findings import Finding
from proofbook_systems.musicgen.preload.support import find_unsupported
from proofbook_systems.musicgen.preload.verification import (
    NETWORKS,
    check_loadable,
    indexed_files,
    layouts_of,
    weight_files,
)

__all__ = ["check_shapes", "newer_name", "wanted_shapes"]

Shape = tuple[int, ...]
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")
_WHOLE = ("I", "U", "BOOL")
"""How the types of whole numbers begin in a safetensors file."""


class _Tensor(NamedTuple):
    """What a file says of a tensor."""

    file: str
    shape: Shape
    kind: str
    """Its type, as the format writes it: ``F32``."""


def check_shapes(folder: Path) -> list[Finding]:
    """Compare the shapes of the weights of every layout with its configuration.

    What cannot be read has no shapes; then it is said what that is.
    """
    unreadable = check_loadable(folder)
    if unreadable:
        return unreadable
    layouts = layouts_of(folder)
    findings = _transformers(folder) if "transformers" in layouts else []
    if "audiocraft" in layouts:
        findings += _audiocraft(folder)
        for companion in companions_of(folder):
            if (folder / companion.place / "config.json").is_file():
                findings += _transformers(folder, f"{companion.place}/")
    return findings


def _transformers(folder: Path, below: str = "") -> list[Finding]:
    place = folder / below
    try:
        wanted, optional = wanted_shapes(place)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        return [Finding("shape", f"{below}config.json", "a model that can be built", why[0][:200])]
    there, indexed = _tensors_there(place), indexed_files(place)
    findings = []
    for name, shape in wanted.items():
        if name in there:
            findings += _misfits(f"{below}{there[name].file}", name, shape, there[name])
        elif name not in optional:
            file = indexed.get(name, weight_files(place)[0]).name
            findings.append(_finding(f"{below}{file}", name, shape, None))
    return findings + [
        Finding("shape", f"{below}{there[name].file}", "tensors that its config.json has", name)
        for name in _beyond(there, wanted)
    ]


def _misfits(file: str, name: str, shape: Shape, there: _Tensor) -> list[Finding]:
    if there.shape != shape:
        return [_finding(file, name, shape, there.shape)]
    if len(shape) > 1 and there.kind.startswith(_WHOLE):
        return [Finding("shape", file, f"{name} as floating-point numbers", there.kind)]
    return []


def _beyond(there: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return tensors that differ by a number alone from some that are wanted: further layers."""
    kinds = {_NUMBER.sub("*", name) for name in wanted}
    return [n for n in there if n not in wanted and _NUMBER.sub("*", n) in kinds]


def _finding(file: str, name: str, expected: Shape, actual: Shape | None) -> Finding:
    shape = "no such tensor" if actual is None else str(list(actual))
    return Finding("shape", file, f"{name} of shape {list(expected)}", shape)


def wanted_shapes(folder: Path) -> tuple[dict[str, Shape], set[str]]:
    """Return the shape of every weight, and the names of those that are other ones' copies."""
    import torch
    import transformers
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        network: Any = getattr(transformers, NETWORKS[config.model_type])(config)
    network.tie_weights()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    return shapes, set(network.all_tied_weights_keys)


def _tensors_there(folder: Path) -> dict[str, _Tensor]:
    """Return what the files say of every tensor."""
    from safetensors import safe_open

    there: dict[str, _Tensor] = {}
    for path in weight_files(folder):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is not a mapping
                told = file.get_slice(name)
                shape, kind = tuple(told.get_shape()), str(told.get_dtype())
                there[newer_name(name)] = _Tensor(path.name, shape, kind)
    return there


def newer_name(name: str) -> str:
    """Return torch's newer name of a weight-norm half, as transformers does when it loads."""
    name = name.replace(".weight_g", ".parametrizations.weight.original0")
    return name.replace(".weight_v", ".parametrizations.weight.original1")


def _audiocraft(folder: Path) -> list[Finding]:
    """Compare both checkpoints with ``xp.cfg``; of a codec that is pointed to, only the other."""
    from proofbook_systems.musicgen.architecture import musicgen_config
    from proofbook_systems.musicgen.keymap import Options, Part, plan_keys
    from proofbook_systems.musicgen.mapping import specs_of, target_specs

    opened: dict[Part, Checkpoint] = {
        "language": open_checkpoint(folder / LANGUAGE_FILE),
        "codec": _codec(folder),
    }
    if unsupported := find_unsupported(opened["language"], opened["codec"]):
        return unsupported
    files = {"language": LANGUAGE_FILE, "codec": CODEC_FILE}
    try:
        architecture = musicgen_config(opened["language"], opened["codec"], folder / TEXT_FOLDER)
        targets: Mapping[Part, Any] = target_specs(architecture.config)
    except (SubjectError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        return [Finding("shape", LANGUAGE_FILE, "a model that can be built", str(error)[:200])]
    findings = [
        Finding("shape", LANGUAGE_FILE, "xp.cfg as the tensors are", line)
        for line in architecture.contradictions
    ]
    for part, checkpoint in opened.items():
        if not checkpoint.tensors:
            continue
        plan = plan_keys(part, specs_of(checkpoint.tensors), targets[part], Options())
        findings += [
            Finding("shape", files[part], "tensors that fit", r.words) for r in plan.refused
        ]
        findings += [_unfilled(files[part], name, targets[part][name]) for name in plan.unfilled]
    return findings


def _unfilled(file: str, name: str, spec: Any) -> Finding:
    return Finding("shape", file, f"a tensor for {name}, {list(spec.shape)}", "none that fits")


def _codec(folder: Path) -> Checkpoint:
    """Return the codec's checkpoint; one without tensors where it is transformers' own."""
    codec = open_checkpoint(folder / CODEC_FILE)
    if not codec.pretrained:
        return codec
    for name in (CODEC_FILE, LANGUAGE_FILE):
        path = folder / codec.pretrained.split("/")[-1] / name
        if path.is_file():
            return open_checkpoint(path)
    return Checkpoint(path=codec.path, tensors={}, config=None, version="", pretrained="")
