"""Whether what stages leave says that it is of this film: two films at once must not get mixed up.

What a document calls its episode may be a title of its own. It is compared only once another one of
the same film is seen to have the name that the commands were given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.documents import read_document
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.names import Names

__all__ = ["judge_identity", "told_episode"]


def told_episode(path: Path, names: Names) -> str:
    """Return of which episode a document says that it is; empty where it does not say, or a number.

    A number counts episodes, and names no film.
    """
    try:
        told = names.get(read_document(path, "document", "lines"), "document.episode")
    except SubjectError:
        return ""  # whoever reads it says why
    return told if isinstance(told, str) and not told.isdigit() else ""


def judge_identity(
    artefact: str, path: Path, earlier: Sequence[Path], episode: str, names: Names
) -> Iterator[Finding]:
    """Judge whether an artefact is of this film, as far as that can be known.

    Args:
        artefact: What it is called.
        path: Where it is.
        earlier: What stages before it have left.
        episode: The film's name, as commands were given it.
        names: The project's.
    """
    told, known = told_episode(path, names), [told_episode(each, names) for each in earlier]
    if not told or not (told == episode or episode in known):
        return
    other = f"{path.name} says that it is of episode {told!r}, and this film is {episode!r}"
    yield finding(
        f"{artefact}-of-this-film", [] if told == episode else [other],
        why="films that are made at the same time get each other's parts",
    )  # fmt: skip
