"""Mapping files and the debug files of the mapping step, under the names that teams know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.files import atomic_write
from proofbook_systems.musicgen.keymap.plan import Plan
from proofbook_systems.musicgen.keymap.slots import TensorSpec

__all__ = ["read_mapping", "write_applied", "write_artefacts"]

_PREFIXES = {"codec": "comp", "language": "lm"}


def read_mapping(path: Path) -> dict[str, str]:
    """Return parameter to key from ``{parameter: key}`` or ``{parameter: {"candidate": key}}``.

    Raises:
        SubjectError: There is no such file, or it is neither.
    """
    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=_unique)
    except OSError as error:
        raise SubjectError(
            f"mapping file {path} cannot be read ({error.strerror}); give a JSON file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SubjectError(
            f"mapping file {path} is not JSON ({error}); write {{parameter: key}}"
        ) from error
    if not isinstance(value, dict):
        raise SubjectError(f"mapping file {path} is not an object; write {{parameter: key}}")
    return {parameter: _key(parameter, entry, path) for parameter, entry in value.items()}


def write_artefacts(
    folder: Path, sources: Mapping[str, TensorSpec], targets: Mapping[str, TensorSpec], plan: Plan
) -> list[Path]:
    """Write names, counts and proposals of one part; return the files, the debug files' names.

    The codec's are called ``comp_…``, the language model's ``lm_…``.
    """
    proposals = {
        p.parameter: {
            "candidate": p.candidate, "score": p.score, "margin": p.margin,
            "runner_up": p.runner_up, "automatic": p.automatic, "reason": p.reason,
        }
        for p in plan.proposals.values()
    }  # fmt: skip
    simple = {p.parameter: p.candidate for p in plan.proposals.values()}
    name = f"{_PREFIXES[plan.part]}_{{}}".format
    return [
        _write(folder / name("param_names.txt"), _lines(targets)),
        _write(folder / name("state_keys.txt"), _lines(sources)),
        _write(folder / name("unmatched_params.txt"), _lines((*plan.unfilled, *plan.allowed))),
        _write(folder / name("match_summary.json"), _json(plan.summary)),
        _write(folder / name("proposed_matches.json"), _json(proposals)),
        _write(folder / name("proposed_matches_simple.json"), _json(simple)),
    ]


def write_applied(folder: Path, plan: Plan) -> Path:
    """Write what was applied beyond the exact rules; the file can be given as a mapping again."""
    return _write(folder / f"{_PREFIXES[plan.part]}_applied_mapping.json", _json(plan.mapping()))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]} is there twice")
    return dict(pairs)


def _key(parameter: str, entry: Any, path: Path) -> str:
    key = entry.get("candidate") if isinstance(entry, dict) else entry
    if not isinstance(key, str) or not key:
        raise SubjectError(
            f"mapping file {path} gives {parameter} no key but {json.dumps(entry)[:80]}; "
            'write a key, or {"candidate": key, "score": number}'
        )
    return key


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, content)
    return path
