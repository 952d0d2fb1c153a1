"""Compare a tokenizer with the T5 that is to read its tokens. Builds neither.

A tokenizer of another model gives a text other numbers, and the model hears another text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["find_tokenizer_faults"]

_FILE = "tokenizer.json"
_OTHER = "spiece.model"
_SETTINGS = "tokenizer_config.json"
_USUAL_ROWS, _USUAL_END, _USUAL_END_ID = 32_128, "</s>", 1
"""Of T5, where its configuration does not say."""


def find_tokenizer_faults(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Return what in a folder's tokenizer does not fit a T5 of this configuration.

    Only ``tokenizer.json`` is looked into, no other format.
    """
    from tokenizers import Tokenizer

    path = folder / _FILE
    if not path.is_file():
        return [] if (folder / _OTHER).is_file() else [f"there is no {_FILE} and no {_OTHER}"]
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises plain exceptions
        first = str(error).strip().splitlines() or [type(error).__name__]
        return [f"{_FILE} cannot be read as a tokenizer ({first[0][:120]})"]
    return [*_beyond(tokenizer, config), *_other_end(tokenizer, folder, config)]


def _beyond(tokenizer: Any, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line where a text may have tokens without an embedding; special ones do not count."""
    rows = int(config.get("vocab_size") or _USUAL_ROWS)
    special = {n for n, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    numbers = {n: token for token, n in tokenizer.get_vocab().items() if n not in special}
    last = max(numbers, default=0)
    if last >= rows:
        yield (
            f"{_FILE} has token {last} ({numbers[last]!r}), and the text encoder has embeddings "
            f"for {rows} tokens"
        )


def _other_end(tokenizer: Any, folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line where texts do not end with the token by which the text encoder knows it."""
    wanted = config.get("eos_token_id", _USUAL_END_ID)
    told = _settings(folder).get("eos_token") or _USUAL_END
    name = str(told.get("content", _USUAL_END) if isinstance(told, dict) else told)
    actual = tokenizer.token_to_id(name)
    if isinstance(wanted, int) and actual != wanted:
        number = "no token" if actual is None else f"token {actual}"
        yield (
            f"{_FILE} has {number} called {name!r}, and for the text encoder a text ends with "
            f"token {wanted}"
        )


def _settings(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / _SETTINGS).read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
