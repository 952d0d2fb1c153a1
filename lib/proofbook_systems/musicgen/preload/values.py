"""Look at every weight of transformers' layout for what a broken copy leaves.

That is NaN, emptiness, rows of zeros, flipped bits, a tensor in another's place. The judgement is
that of audiocraft's checkpoints, but that weights which were never trained may stand. Says nothing
of whether the others are good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from proofbook_systems.musicgen.preload.companions import companions_of
from proofbook_systems.musicgen.preload.findings import Finding
from proofbook_systems.musicgen.preload.shapes import check_shapes, newer_name, wanted_shapes
from proofbook_systems.musicgen.preload.verification import layouts_of, read_config, weight_files

if TYPE_CHECKING:
    from proofbook_systems.musicgen.audit.statistics import Statistics
    from proofbook_systems.musicgen.audit.tensors import Peers

__all__ = ["check_values"]

_PARTS = {"t5": "text", "encodec": "codec"}
_PREFIXES = {"text_encoder.": "text", "audio_encoder.": "codec"}


def check_values(folder: Path, misshaped: Sequence[Finding] | None = None) -> list[Finding]:
    """Judge the values of all weights; empty where a file or a shape is wrong, which is told.

    Audiocraft's own checkpoints are judged where their keys are mapped; here, what is next to them.

    Args:
        folder: Of the model.
        misshaped: What ``check_shapes`` has found there; it is asked where this is not known.
    """
    if check_shapes(folder) if misshaped is None else misshaped:
        return []
    layouts = layouts_of(folder)
    places = [""] if "transformers" in layouts else []
    if "audiocraft" in layouts:
        places += [f"{c.place}/" for c in companions_of(folder)]
        places = [below for below in places if (folder / below / "config.json").is_file()]
    return [finding for below in places for finding in _judge(folder / below, below)]


def _judge(place: Path, below: str) -> Iterator[Finding]:
    from proofbook_systems.musicgen.audit.relations import find_copies
    from proofbook_systems.musicgen.audit.tensors import RULES, peers_of

    measured = dict(_measure(place))
    tensors = list(measured.values())
    peers = peers_of(tensors)
    for file, each in ((file, each) for (file, _), each in measured.items()):
        for name, rule in RULES.items():
            if (each.broken and name != "finite-weights") or _untrained(each, peers):
                continue
            for line in rule(each, peers):
                yield Finding("weights", f"{below}{file}", f"{each.name} as trained", line)
    for line in find_copies(tensors):
        yield Finding("weights", f"{below}{_file(measured, line)}", "each tensor once", line)


def _measure(place: Path) -> Iterator[tuple[tuple[str, str], Statistics]]:
    """Yield file and name of each tensor that the model takes, and its statistics."""
    from safetensors import safe_open

    from proofbook_systems.musicgen.audit.statistics import measure_tensor

    wanted, _ = wanted_shapes(place)
    alone = _PARTS.get(str(read_config(place / "config.json").get("model_type")), "language")
    for path in weight_files(place):
        with safe_open(path, "pt") as file:
            for key in file.keys():  # noqa: SIM118 - it is not a mapping
                name = newer_name(key)
                if name in wanted:
                    part = next((p for s, p in _PREFIXES.items() if name.startswith(s)), alone)
                    yield (path.name, name), measure_tensor(part, name, file.get_tensor(key))


def _untrained(each: Statistics, peers: Peers) -> bool:
    """Say whether a tensor is one value throughout, and all of its kind are that value."""
    others = [other.constant for other in peers[each.group] if other is not each]
    return each.constant is not None and len(others) > 0 and set(others) == {each.constant}


def _file(measured: dict[tuple[str, str], Statistics], line: str) -> str:
    return next((file for file, name in measured if line.endswith(name)), "")
