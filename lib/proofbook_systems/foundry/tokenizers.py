"""Tokenizers that projects have, for turning ids back into text.

Found are Hugging Face's ``tokenizer.json``, SentencePiece's models, nanoGPT's ``meta.pkl``, tables
of characters in JSON, and encodings of ``tiktoken`` by name. Nothing of a project's code runs: of a
pickle only plain values are read.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.foundry.character_tables import find_characters

__all__ = ["Tokenizer", "find_tokenizer", "load_tokenizer"]

_BY_NAME = "tiktoken:"
_LARGEST_TABLE = 1 << 20
"""Bytes of a JSON file that may be a table of characters."""


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """What turns ids into text."""

    path: Path
    form: str
    decode: Callable[[list[int]], str]
    """Text of ids, special ones left out."""
    encode: Callable[[str], list[int]]
    size: int
    """Ids that it knows; they are below it."""
    special: frozenset[int]
    unknown: int | None
    """Id of what it does not know."""
    normalize: Callable[[str], str]
    """What it does to a text before anything else."""


def find_tokenizer(given: str, folder: Path, *files: Iterable[Path]) -> Tokenizer | None:
    """Return the tokenizer that is given, or is found among files; None where there is none.

    Args:
        given: A file or folder in ``folder``, or ``tiktoken:NAME``; empty looks for one.
        folder: The project.
        files: Where it is looked for: first among the files that a preparation wrote, for a project
            may have a tokenizer beside that which it trains.

    Raises:
        SubjectError: The given one cannot be loaded.
    """
    if given.startswith(_BY_NAME):
        return _load_tiktoken(given.removeprefix(_BY_NAME))
    if given:
        found = load_tokenizer(folder / given)
        if found is None:
            raise SubjectError(
                f"tokenizer {given} in {folder} is none that can be read; give a tokenizer.json, a "
                "SentencePiece model, a meta.pkl, their folder, a table of characters and ids "
                "in JSON, or tiktoken:NAME"
            )
        return found
    names = {name: place for place, name in enumerate(_LOADERS)}
    ordered = (
        sorted(group, key=lambda path: (names.get(path.name, len(names)), str(path)))
        for group in files
    )
    loaded = (load_tokenizer(path) for group in ordered for path in group)
    return next((tokenizer for tokenizer in loaded if tokenizer is not None), None)


def load_tokenizer(path: Path) -> Tokenizer | None:
    """Return the tokenizer of a file or folder; None where there is none that can be read."""
    if path.is_dir():
        there = (path / name for name in _LOADERS)
        path = next((each for each in there if each.is_file()), path)
    load = _LOADERS.get(path.name) or _BY_SUFFIX.get(path.suffix)
    if load is None or not path.is_file():
        return None
    try:
        return load(path)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, pickle.UnpicklingError):
        return None


def _load_json(path: Path) -> Tokenizer | None:
    import tokenizers

    text = path.read_text(encoding="utf-8")
    values = json.loads(text)
    if "model" not in values:
        return None
    loaded = tokenizers.Tokenizer.from_str(text)
    loaded.no_padding()
    loaded.no_truncation()
    unknown = values["model"].get("unk_token")
    normalizer = loaded.normalizer
    return Tokenizer(
        path=path, form="tokenizer.json",
        decode=lambda ids: str(loaded.decode(ids, skip_special_tokens=True)),
        encode=lambda text: list(loaded.encode(text, add_special_tokens=False).ids),
        size=loaded.get_vocab_size(with_added_tokens=True),
        special=frozenset(each["id"] for each in values.get("added_tokens", []) if each["special"]),
        unknown=loaded.token_to_id(unknown) if isinstance(unknown, str) else None,
        normalize=normalizer.normalize_str if normalizer is not None else str,
    )  # fmt: skip


def _load_sentencepiece(path: Path) -> Tokenizer:
    import sentencepiece

    loaded: Any = sentencepiece.SentencePieceProcessor()
    loaded.LoadFromFile(str(path))
    size = loaded.GetPieceSize()
    return Tokenizer(
        path=path, form="SentencePiece",
        decode=lambda ids: str(loaded.DecodeIds([id_ for id_ in ids if id_ < size])),
        encode=lambda text: list(loaded.EncodeAsIds(text)),
        size=size, special=frozenset(id_ for id_ in range(size) if loaded.IsControl(id_)),
        unknown=loaded.unk_id(), normalize=lambda text: str(loaded.Normalize(text)),
    )  # fmt: skip


def _load_meta(path: Path) -> Tokenizer | None:
    with path.open("rb") as file:
        values = _PlainUnpickler(file).load()
    names, numbers = values.get("itos"), values.get("stoi")
    if not isinstance(names, dict) or not isinstance(numbers, dict):
        return None
    return Tokenizer(
        path=path, form="characters",
        decode=lambda ids: "".join(str(names.get(id_, "�")) for id_ in ids),
        encode=lambda text: [numbers[character] for character in text],
        size=len(names), special=frozenset(), unknown=None, normalize=str,
    )  # fmt: skip


def _load_characters(path: Path) -> Tokenizer | None:
    if path.stat().st_size > _LARGEST_TABLE:
        return None
    numbers = find_characters(json.loads(path.read_text(encoding="utf-8")))
    if numbers is None:
        return None
    characters = {id_: name for name, id_ in numbers.items() if len(name) == 1}
    special = {id_: name for name, id_ in numbers.items() if id_ not in characters}
    return Tokenizer(
        path=path, form="characters",
        decode=lambda ids: "".join(
            characters.get(id_, "�") for id_ in ids if id_ not in special
        ),
        encode=lambda text: [numbers[character] for character in text],
        size=max(numbers.values()) + 1, special=frozenset(special), normalize=str,
        unknown=next((id_ for id_, name in special.items() if "unk" in name.lower()), None),
    )  # fmt: skip


class _PlainUnpickler(pickle.Unpickler):
    """Reads plain values alone: a pickle of somebody else's can run anything."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it has {module}.{name}, which is no plain value")


def _load_tiktoken(name: str) -> Tokenizer:
    try:
        import tiktoken

        loaded = tiktoken.get_encoding(name)
    except (ImportError, ValueError, OSError) as error:
        raise SubjectError(
            f"tokenizer tiktoken:{name} cannot be loaded ({error}); install tiktoken, and load "
            "the encoding once where there is a network"
        ) from error
    return Tokenizer(
        path=Path(name), form="tiktoken", decode=loaded.decode,
        encode=lambda text: loaded.encode(text, disallowed_special=()), size=loaded.n_vocab,
        special=frozenset(loaded._special_tokens.values()), unknown=None, normalize=str,
    )  # fmt: skip


_LOADERS: dict[str, Callable[[Path], Tokenizer | None]] = {
    "tokenizer.json": _load_json,
    "tokenizer.model": _load_sentencepiece,
    "spiece.model": _load_sentencepiece,
    "meta.pkl": _load_meta,
}
_BY_SUFFIX: dict[str, Callable[[Path], Tokenizer | None]] = {
    ".model": _load_sentencepiece,
    ".json": _load_characters,
}
