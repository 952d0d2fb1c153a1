"""Faults on demand: ``VOICEBOX_FAULTS="qwen/1.7B=hang, kokoro=slow:2.5, server=html"``.

An engine without a size means all its sizes. Here is what they are and how they are read; where
each bites, the worker, the streams and the health route say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from proofbook_subjects.ttsserver.engines import ENGINES, MODELS

__all__ = ["KINDS", "SERVER_KINDS", "Fault", "Faults", "read_faults"]

KINDS = {
    "slow": "takes so many seconds longer (5)",
    "hang": "never ends, but can be cancelled",
    "deaf": "never ends, and takes a cancellation without heeding it",
    "crash": "the process is killed by SIGSEGV",
    "fail": "ends as failed",
    "silent": "audio of nothing but zeros",
    "wrong_duration": "claims so many seconds more than there are (3)",
    "empty_wav": "a header and no frames",
    "broken_wav": "a file that is cut off",
    "malformed": "one event of the stream is not JSON",
    "dropped": "the first so many streams break off (2)",
    "backlog": "ends well, but the worker stays busy for so many seconds (30)",
}
"""Of a model, with the value that each has if none is given."""

SERVER_KINDS = {
    "unhealthy": "says that it is starting, for ever",
    "error": "answers 500",
    "html": "answers a page",
}
"""Of the server as a whole."""

_VALUES = {"slow": 5.0, "wrong_duration": 3.0, "dropped": 2.0, "backlog": 30.0}


class Fault(NamedTuple):
    """A kind, and how much of it."""

    kind: str = ""
    value: float = 0.0


@dataclass(frozen=True)
class Faults:
    """What goes wrong, by engine and size."""

    by_model: Mapping[tuple[str, str], Fault]
    server: str = ""

    def of(self, engine: str, size: str) -> Fault:
        """Return the fault of a model, which may be none."""
        return self.by_model.get((engine, size), Fault())


def read_faults(text: str) -> Faults:
    """Read what the environment asks for.

    Raises:
        ValueError: It cannot be read; one line says why.
    """
    by_model: dict[tuple[str, str], Fault] = {}
    server = ""
    for part in filter(None, (p.strip() for p in text.replace(";", ",").split(","))):
        target, separator, what = part.partition("=")
        if not separator:
            raise ValueError(f"fault {part!r} is not of the form engine/size=kind")
        if target == "server":
            server = _known(what, SERVER_KINDS)
        else:
            for model in _targets(target):
                by_model[model] = _fault(what)
    return Faults(by_model, server)


def _targets(target: str) -> list[tuple[str, str]]:
    engine, _, size = target.partition("/")
    targets = [(m.engine, m.size) for m in MODELS if m.engine == engine and size in ("", m.size)]
    if not targets:
        raise ValueError(f"fault for {target!r}: no such model; engines are {', '.join(ENGINES)}")
    return targets


def _fault(what: str) -> Fault:
    kind, separator, value = what.partition(":")
    _known(kind, KINDS)
    if not separator:
        return Fault(kind, _VALUES.get(kind, 0.0))
    if kind not in _VALUES:
        raise ValueError(f"fault {kind!r} takes no value")
    return Fault(kind, float(value))


def _known(kind: str, kinds: Mapping[str, str]) -> str:
    if kind not in kinds:
        raise ValueError(f"there is no fault {kind!r}; there are {', '.join(kinds)}")
    return kind
