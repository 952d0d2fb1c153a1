"""Write down what is in the cache, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.checksums import NOTES_FILE, Note, read_notes
from proofbook_systems.musicgen.preload.verification import layouts_of

__all__ = ["layout_words", "write_listing"]


def layout_words(folder: Path) -> str:
    """Return whose layout a model has: ``transformers``, ``audiocraft``, both, or ``none``."""
    return "+".join(layouts_of(folder)) or "none"


def write_listing(path: Path, folders: Mapping[str, Path]) -> Path:
    """Write every file with its size and checksum on arrival, model by model; return ``path``."""
    lines = []
    for key, folder in folders.items():
        noted = dict(_noted(folder))
        total = sum(note.size or 0 for note in noted.values() if note.arrived)
        lines.append(f"{key}: {layout_words(folder)} layout, {len(noted)} files, {total:,} bytes")
        lines += [_line(name, note) for name, note in noted.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _noted(folder: Path) -> Iterator[tuple[str, Note]]:
    for notes in sorted(folder.rglob(NOTES_FILE)):
        try:
            noted = read_notes(notes.parent)
        except SubjectError:
            noted = {NOTES_FILE: Note(None, "", arrived=False)}  # verification says what is wrong
        for name, note in noted.items():
            yield (notes.parent / name).relative_to(folder).as_posix(), note


def _line(name: str, note: Note) -> str:
    size = "?" if note.size is None else f"{note.size:,}"
    return f"  {size:>14}  {note.sha256 if note.arrived else 'did not arrive':<64}  {name}"
