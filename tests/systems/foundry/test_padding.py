"""Padding that texts have, too, must not be learnt; and a remainder becomes what is promised."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from proofbook_systems.foundry.alignment import Padding, align
from proofbook_systems.foundry.batches import Batches
from proofbook_systems.foundry.judging import wrong_remainder
from proofbook_systems.foundry.padding import judge_padding
from proofbook_systems.foundry.pipeline import Cut, Prepared
from proofbook_systems.foundry.stores import Store
from proofbook_systems.foundry.tokenizers import Tokenizer
from proofbook_systems.training.running import Ended
from proofbook_systems.training.watching import Batch, Row, Update, Watched, row_digest

SPECIAL, LENGTH = 1, 8
TOKENS = [(3 * place) % 40 + 5 for place in range(30)]
TEXT = TOKENS[4]
ENDED = Ended(code=0, state="exited with code 0", steps=[], printed="", seconds=1.0)


def store(name: str, rows: list[list[int]]) -> Store:
    arrays = [np.asarray(row, np.int64) for row in rows]
    return Store(
        path=Path(name), form="rows", flat=np.concatenate(arrays),
        lengths=np.asarray([len(row) for row in rows]),
    )  # fmt: skip


def prepared(
    pad: int | None, *, special: frozenset[int] | None = frozenset({SPECIAL}), left: bool = False
) -> Prepared:
    """Return tokens that fill three chunks and six places, with ``pad`` after them, or in front."""
    rows = [TOKENS[at : at + LENGTH] for at in range(0, 30, LENGTH)]
    chunks = rows[:3]
    if pad is not None:
        chunks.append([pad, pad, *rows[3]] if left else [*rows[3], pad, pad])
    cut, tokens = store("chunks.npy", chunks), store("tokens", [TOKENS])
    tokenizer = None if special is None else Tokenizer(
        path=Path("tokenizer.json"), form="toy", decode=str, encode=lambda _: [], size=50,
        special=special, unknown=None, normalize=str,
    )  # fmt: skip
    found = Prepared(
        workspace=cast("Any", None), code=0, state="", printed="", tokens=(tokens,), chunks=(cut,),
        tokenizer=tokenizer, texts=(),
    )  # fmt: skip
    assert found.cuts == (Cut(chunks=cut, tokens=tokens, alignment=align(cut, tokens, LENGTH)),)
    return found


def trained(
    data: Prepared, learnt: int | None, part: slice = slice(None), unlearnt: int = 0
) -> Batches:
    """Return a training of two epochs, in which so many places of the last chunk were learnt."""
    (chunks,) = data.chunks
    rows = [Row(row_digest(row[part]), (), row_digest(row[part]), LENGTH) for row in chunks.rows()]
    rows[-1] = rows[-1]._replace(learnt=learnt, unlearnt=unlearnt)
    none = frozenset[str]()
    update = Update(
        number=1, batches=(Batch((len(rows), LENGTH), tuple(rows)),) * 2, moved=none, unmoved=none,
        no_gradient=none, zero_gradient=none, grad_norm=1.0, rates=(),
    )  # fmt: skip
    return Batches(
        ended=ENDED, watched=Watched(updates=(update,)), stores=(chunks,), tokens=data.tokens,
        held_out=frozenset(), held_tokens=frozenset(),
    )  # fmt: skip


def judged(data: Prepared, learnt: int | None, part: slice = slice(None)) -> list[str] | None:
    issues, _ = judge_padding(data, trained(data, learnt, part))["padding-not-learnt"]
    return issues


def test_padding_that_is_learnt_as_text_is_named() -> None:
    data = prepared(TEXT)
    assert judged(data, 7) == [
        f"chunk 3 of chunks.npy has 6 tokens and is padded with id {TEXT}, which texts have, "
        "too: 1 places of the padding are learnt like text"
    ]


@pytest.mark.parametrize(
    ("pad", "learnt"), [(TEXT, 5), (TEXT, 6), (SPECIAL, 8), (49, 8)],
    ids=["not learnt", "its first place ends a text", "a special id", "an id that no text has"],
)  # fmt: skip
def test_padding_may_be_learnt_as_an_end_and_left_out_in_any_way(pad: int, learnt: int) -> None:
    assert judged(prepared(pad), learnt) == []


def test_a_row_without_its_first_id_has_its_padding_a_place_earlier() -> None:
    data = prepared(TEXT)
    assert judged(data, 5, slice(1, None)) == []
    assert judged(data, 6, slice(1, None)) != []
    assert judged(data, 6, slice(None, -1)) == []


@pytest.mark.parametrize(
    ("pad", "unlearnt", "part", "count"),
    [
        (TEXT, 1, slice(None), 0),  # the place before the first token tells it
        (TEXT, 2, slice(None), 0),  # of logits that are moved by none
        (TEXT, 0, slice(None), 1),
        (TEXT, 0, slice(1, None), 0),
        (SPECIAL, 0, slice(None), 0),
        (49, 0, slice(None), 0),
    ],
)
def test_padding_in_front_of_tokens_is_judged_by_where_learning_begins(
    pad: int, unlearnt: int, part: slice, count: int
) -> None:
    data = prepared(pad, left=True)
    assert data.cuts[0].alignment.departure == ""
    issues, _ = judge_padding(data, trained(data, 7, part, unlearnt))["padding-not-learnt"]
    assert issues == [
        f"chunk 3 of chunks.npy has 6 tokens and is padded with id {TEXT}, which texts have, "
        f"too: {each} places of the padding are learnt like text"
        for each in [count][:count]
    ]


def test_what_was_not_seen_is_not_judged() -> None:
    assert judged(prepared(TEXT), None) is None
    assert judged(prepared(TEXT, special=None), 7) is None
    assert judge_padding(prepared(None), trained(prepared(None), 8)) == {}


def test_a_remainder_is_kept_or_dropped_as_is_promised() -> None:
    padded, dropped = prepared(SPECIAL), prepared(None)
    assert wrong_remainder(dropped, "kept") == ["chunks.npy: 6 tokens are in no chunk"]
    assert wrong_remainder(padded, "dropped") == ["chunks.npy: chunk 3 is not full"]
    right = [(padded, "kept"), (dropped, "dropped")]
    either = [(padded, "recognised"), (dropped, "recognised")]
    assert [wrong_remainder(*each) for each in [*right, *either]] == [[], [], [], []]


SHORT_TEXTS = [TOKENS[at : at + size] for at, size in ((0, 8), (8, 7), (15, 6), (21, 7), (28, 2))]
"""Texts of a chunk's length, and of one and two ids less."""


def align_texts(texts: list[list[int]], chunks: list[list[int]]) -> list[Padding]:
    found = align(store("chunks", chunks), store("tokens", texts), LENGTH)
    assert found.departure == ""
    assert found.padding == sum(map(len, chunks)) - sum(map(len, texts)) - found.separators
    return [*found.padded]


@pytest.mark.parametrize("left", [False, True])
def test_padding_of_one_id_or_two_is_no_separator(left: bool) -> None:
    texts = SHORT_TEXTS[:4]
    fill = [[TEXT] * (LENGTH - len(text)) for text in texts]
    pairs = zip(texts, fill, strict=True)
    found = align_texts(texts, [[*f, *t] if left else [*t, *f] for t, f in pairs])
    assert [(each.chunk, each.id, each.is_before) for each in found] == [
        (1, TEXT, left), (2, TEXT, left), (3, TEXT, left)]  # fmt: skip
    assert [each.place for each in found] == ([1, 2, 1] if left else [7, 6, 7])


@pytest.mark.parametrize(
    "chunks",
    [
        [[*TOKENS[:7], TEXT], [*TOKENS[7:14], TEXT], [*TOKENS[14:21], TEXT]],
        [[*TOKENS[:7], TEXT], [*TOKENS[7:9], TEXT, *TOKENS[9:14]], [*TOKENS[14:21], TEXT]],
    ],
    ids=["each text is as long", "it is in the middle of a chunk, too"],
)
def test_an_end_of_texts_at_the_edge_of_a_chunk_is_no_padding(chunks: list[list[int]]) -> None:
    sizes = [7, 7, 7] if chunks[1][7] == TEXT else [7, 2, 5, 7]
    starts = np.cumsum([0, *sizes]).tolist()
    texts = [TOKENS[a:b] for a, b in itertools.pairwise(starts)]
    assert align_texts(texts, chunks) == []


def filled(pad: int, learnt: int | None, unlearnt: int, *, left: bool = False) -> Batches:
    """Return a training on texts of many lengths, each batch filled up to the longest of it."""
    texts = store("tokens.jsonl", SHORT_TEXTS)
    rows = []
    for text in SHORT_TEXTS:
        more = [pad] * (LENGTH - len(text))
        ids = [*more, *text] if left else [*text, *more]
        digest = row_digest(np.asarray(ids, np.int64))
        rows.append(Row(digest, tuple(ids), digest, len(text), len(more) and len(more) - 1))
    rows[-1] = rows[-1]._replace(learnt=learnt, unlearnt=unlearnt)
    batches = trained(prepared(None), None)
    (update,) = batches.watched.updates
    update = replace(update, batches=(Batch((len(rows), LENGTH), tuple(rows)),))
    return replace(batches, watched=Watched(updates=(update,)), stores=(texts,), tokens=(texts,))


@pytest.mark.parametrize(
    ("pad", "left", "learnt", "unlearnt", "count"),
    [
        (TEXT, False, 2, 0, 0),
        (TEXT, False, 3, 0, 1),
        (TEXT, False, 8, 0, 6),
        (SPECIAL, False, 8, 0, 0),
        (49, False, 8, 0, 0),
        (TEXT, True, 8, 5, 0),
        (TEXT, True, 8, 0, 5),
        (SPECIAL, True, 8, 0, 0),
    ],
)
def test_what_fills_up_a_row_as_its_batch_is_made_must_not_be_learnt_as_text(
    pad: int, left: bool, learnt: int, unlearnt: int, count: int
) -> None:
    batches = filled(pad, learnt, unlearnt, left=left)
    issues, words = judge_padding(prepared(None), batches)["padding-not-learnt"]
    assert f"rows are filled up with id {pad}" in words
    assert (
        issues
        == [
            f"row 4 has 2 tokens and is filled up with id {pad}, which texts have, too: {count} "
            "places of the padding are learnt like text"
        ][: int(count > 0)]
    )


@pytest.mark.parametrize(("learnt", "issues"), [(2, []), (8, None)])
def test_what_a_row_is_filled_up_with_may_be_an_end_where_no_tokenizer_tells(
    learnt: int, issues: list[str] | None
) -> None:
    data = prepared(TEXT, special=None)
    data = replace(data, chunks=(), tokens=())
    found, _ = judge_padding(data, filled(TEXT, learnt, 0))["padding-not-learnt"]
    assert found == issues
