"""Texts on disk: read one after the other, cleaned, hashed.

Knows nothing about tokens.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.files import hash_file

__all__ = ["clean_texts", "corpus_hash", "read_texts", "write_texts"]

_SUFFIXES = (".txt", ".jsonl")
_KEY = "text"


def read_texts(corpus: Path) -> Iterator[str]:
    """Yield the documents of a file or folder, in the order of the files' names.

    Raises:
        SubjectError: There are no such files, or one cannot be read.
    """
    for path in _files(corpus):
        try:
            with path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield _document(line, path, number)
        except UnicodeDecodeError as error:
            raise SubjectError(f"{path} is not UTF-8 text ({error.reason}); convert it") from error


def corpus_hash(corpus: Path) -> str:
    """Return a hash of a corpus' files, names included.

    Raises:
        SubjectError: There are none.
    """
    parts = [f"{path.name} {hash_file(path)}" for path in _files(corpus)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def clean_texts(texts: Iterator[str], steps: Sequence[str]) -> Iterator[str]:
    """Yield texts after some steps of cleaning, by the names that the config gives them."""
    for step in steps:
        texts = _CLEANING[step](texts)
    return texts


def write_texts(texts: Iterator[str], path: Path) -> int:
    """Write a document a line, whole or not at all, and return how many there were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, count = path.with_name(f".{path.name}.partial"), 0
    try:
        with partial.open("w", encoding="utf-8") as file:
            for text in texts:
                file.write(json.dumps({_KEY: text}, ensure_ascii=False) + "\n")
                count += 1
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _files(corpus: Path) -> list[Path]:
    if corpus.is_file():
        return [corpus]
    if not corpus.is_dir():
        raise SubjectError(f"corpus {corpus} does not exist; give a file or a folder of texts")
    found = sorted(
        path for path in corpus.rglob("*")
        if path.suffix in _SUFFIXES and not path.name.startswith(".")
    )  # fmt: skip
    if not found:
        raise SubjectError(f"corpus {corpus} has no {' or '.join(_SUFFIXES)} file")
    return found


def _document(line: str, path: Path, number: int) -> str:
    if path.suffix != ".jsonl":
        return line.rstrip("\r\n")
    try:
        value = json.loads(line)[_KEY]
    except (ValueError, KeyError, TypeError) as error:
        raise SubjectError(f"{path}:{number} is no JSON object with the key {_KEY!r}") from error
    if not isinstance(value, str):
        raise SubjectError(f"{path}:{number}: {_KEY!r} is no string")
    return value


def _without_duplicates(texts: Iterator[str]) -> Iterator[str]:
    known: set[bytes] = set()
    for text in texts:
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if digest not in known:
            known.add(digest)
            yield text


_CLEANING: dict[str, Callable[[Iterator[str]], Iterator[str]]] = {
    "unicode": lambda texts: (unicodedata.normalize("NFC", text) for text in texts),
    "spaces": lambda texts: (" ".join(text.split()) for text in texts),
    "empty": lambda texts: (text for text in texts if text.strip()),
    "duplicates": _without_duplicates,
}
