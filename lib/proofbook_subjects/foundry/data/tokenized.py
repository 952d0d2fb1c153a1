"""Tokenized texts: a Hugging Face dataset on disk with the column ``input_ids``."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.data.corpora import read_texts
from proofbook_subjects.foundry.tokenizers import TextTokenizer

__all__ = [
    "COLUMN",
    "SOURCE_FILE",
    "Validated",
    "is_tokenized_from",
    "iter_tokens",
    "load_tokenized",
    "tokenize_corpus",
    "validate_tokenized",
]

COLUMN = "input_ids"
SOURCE_FILE = "foundry_source.json"
"""In the folder: what the tokens were made of."""
_BATCH = 1000


class Validated(NamedTuple):
    """What a look at every token has shown."""

    sequences: int
    tokens: int
    largest: int
    """Largest id."""


def tokenize_corpus(
    corpus: Path, tokenizer: TextTokenizer, folder: Path, source: dict[str, str]
) -> int:
    """Write the tokens of a corpus into ``folder``, whole or not at all; return the documents.

    Args:
        corpus: Texts.
        tokenizer: What makes tokens of them.
        folder: Replaced.
        source: Noted with the tokens: what they were made of.

    Raises:
        SubjectError: The corpus is empty or cannot be read.
    """
    import pyarrow as pa
    from datasets import Dataset

    # Rows are made here, and not by ``from_generator``: that caches by the hash of a function.
    tables = [
        pa.table({COLUMN: pa.array(ids, pa.list_(pa.int32()))})
        for ids in _encoded(corpus, tokenizer)
    ]
    if not tables:
        raise SubjectError(f"corpus {corpus} has no text in it")
    dataset = Dataset(pa.concat_tables(tables))
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with _without_bars():
            dataset.save_to_disk(str(partial))
        (partial / SOURCE_FILE).write_text(json.dumps(source), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(dataset)


def is_tokenized_from(folder: Path, source: dict[str, str]) -> bool:
    """Say whether the tokens in a folder were made of this."""
    try:
        return bool(json.loads((folder / SOURCE_FILE).read_text(encoding="utf-8")) == source)
    except (OSError, ValueError):
        return False


def load_tokenized(folder: Path) -> Any:
    """Return the dataset in a folder, mapped into memory and not read.

    Raises:
        SubjectError: There is none, or it cannot be loaded.
    """
    from datasets import DatasetDict, load_from_disk

    if not folder.is_dir():
        raise SubjectError(f"{folder} has no tokens; run tokenize-dataset first")
    try:
        dataset = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = " ".join(str(error).split())[:200]
        raise SubjectError(f"{folder} is no dataset that can be loaded: {what}") from error
    if isinstance(dataset, DatasetDict):
        raise SubjectError(f"{folder} has the splits {', '.join(dataset)}; give one's folder")
    return dataset


def validate_tokenized(dataset: Any, vocab_size: int | None = None) -> Validated:
    """Look at every token.

    Args:
        dataset: One of Hugging Face's.
        vocab_size: Ids must be below it.

    Raises:
        SubjectError: There is no column of integers, no token, or one that the network has not.
    """
    import numpy as np
    import pyarrow as pa

    if COLUMN not in dataset.column_names:
        raise SubjectError(
            f"the dataset has the columns {dataset.column_names}, and not {COLUMN!r}; tokenize it"
        )
    kind = dataset.data.table.schema.field(COLUMN).type
    if not hasattr(kind, "value_type") or not pa.types.is_integer(kind.value_type):
        raise SubjectError(f"column {COLUMN!r} is {kind}; it must be lists of integers")
    tokens, smallest, largest = 0, 0, -1
    for values in iter_tokens(dataset):
        if values.size:
            tokens += values.size
            smallest, largest = min(smallest, values.min()), max(largest, values.max())
    if tokens == 0:
        raise SubjectError("the dataset is empty: it has no tokens; check the corpus")
    if smallest < 0 or (vocab_size is not None and largest >= vocab_size):
        raise SubjectError(
            f"the dataset has token {smallest if smallest < 0 else largest}; the model knows 0 to "
            f"{(vocab_size or np.iinfo(np.int32).max) - 1}: it is of another tokenizer"
        )
    return Validated(len(dataset), tokens, int(largest))


def iter_tokens(dataset: Any) -> Iterator[Any]:
    """Yield all tokens in order, as flat arrays of some thousand documents each.

    Raises:
        SubjectError: A document, or a token in one, is null.
    """
    import numpy as np
    import pyarrow as pa

    for table in dataset.with_format("arrow").iter(batch_size=_BATCH):
        for chunk in table.column(COLUMN).chunks:
            # Unlike ``values``, ``flatten`` keeps to the rows that the chunk was cut to.
            flat = chunk.flatten()
            if chunk.null_count or flat.null_count:
                raise SubjectError(f"column {COLUMN!r} has an empty value; remove that row")
            if not pa.types.is_integer(flat.type):
                raise SubjectError(f"column {COLUMN!r} is {flat.type}; it must be integers")
            yield np.asarray(flat.to_numpy(zero_copy_only=False))


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    """Keep the dataset's own bars out of what a training prints, where they look like steps."""
    import datasets

    hidden = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not hidden:
            datasets.enable_progress_bars()


def _encoded(corpus: Path, tokenizer: TextTokenizer) -> Iterator[list[list[int]]]:
    waiting: list[str] = []
    for text in read_texts(corpus):
        waiting.append(text)
        if len(waiting) == _BATCH:
            yield tokenizer.encode_documents(waiting)
            waiting = []
    if waiting:
        yield tokenizer.encode_documents(waiting)
