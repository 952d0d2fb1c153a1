"""Full rows, in any order, that mixed documents were cut into across each other.

Each row is the end of a document, whole documents, and the beginning of another one; what begins in
one row must go on in others, to the id. Knows nothing about padding, nor what batches leave out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from proofbook_systems.foundry.stores import Store

__all__ = ["count_lost"]

_ID = 8
"""Bytes of an id."""
_KEY = 6


@dataclass
class _Documents:
    """Documents that are not used yet, to be found by how they begin or end."""

    left: Counter[bytes]
    heads: dict[bytes, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    tails: dict[bytes, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for document in sorted(self.left, key=len, reverse=True):
            for size in range(_ID, min(_KEY * _ID, len(document)) + 1, _ID):
                self.heads[document[:size]].append(document)
                self.tails[document[-size:]].append(document)

    def beginning_at(self, row: bytes, at: int) -> Iterator[bytes]:
        """Yield the documents that are whole there, the longest first."""
        sizes = range(min(_KEY * _ID, len(row) - at), 0, -_ID)
        for size in sizes:
            for document in self.heads.get(row[at : at + size], ()):
                is_known = size == _KEY * _ID or len(document) == size
                if is_known and row.startswith(document, at):
                    yield document

    def begun_by(self, part: bytes) -> Iterator[bytes]:
        """Yield the documents that begin with a part, and go on behind it."""
        for document in self.heads.get(part[: _KEY * _ID], ()):
            if len(document) > len(part) and document.startswith(part):
                yield document

    def ends_with(self, part: bytes) -> bool:
        """Say whether a document ends with a part."""
        there = self.tails.get(part[-_KEY * _ID :], ())
        return not part or any(document.endswith(part) for document in there)


def count_lost(rows: Store, documents: Store, length: int) -> int | None:
    """Return how many ids of documents are in no row; None where rows are not of them.

    Args:
        rows: Full ones, in any order.
        documents: A row each, with what was put in front of and behind it.
        length: Ids of a row.
    """
    lost = documents.flat.size - rows.flat.size
    if not 0 <= lost < length or bool((rows.lengths != length).any()):
        return None
    known = _Documents(Counter(row.tobytes() for row in documents.rows() if row.size))
    pieces, begun = Counter[bytes](), list[bytes]()
    for row in rows.rows():
        parted = _part(row.tobytes(), known)
        if parted is None:
            pieces[row.tobytes()] += 1
            continue
        tail, whole, head = parted
        known.left.subtract(whole)
        pieces.update([tail] if tail else [])
        begun += [head] if head else []
    if min(known.left.values(), default=0) < 0:
        return None
    return lost if _all_go_on(begun, pieces, known, length * _ID) else None


def _part(row: bytes, known: _Documents) -> tuple[bytes, list[bytes], bytes] | None:
    """Return the end, the whole documents and the beginning in a row; None where none begins."""
    for at in range(0, len(row), _ID):
        if row[at : at + _ID] not in known.heads or not known.ends_with(row[:at]):
            continue
        whole, place = list[bytes](), at
        while found := next(known.beginning_at(row, place), b""):
            whole.append(found)
            place += len(found)
        head = row[place:]
        if not head or next(known.begun_by(head), None) is not None:
            return row[:at], whole, head
    return None


def _all_go_on(
    begun: Sequence[bytes], pieces: Counter[bytes], known: _Documents, width: int
) -> bool:
    """Say whether what begins in rows goes on in others, all but the last, and nothing is over."""
    broken = list[bytes]()
    for head in sorted(begun, key=len, reverse=True):
        for document in known.begun_by(head):
            rest = _rest(document, head, width)
            if known.left[document] > 0 and _has(pieces, rest):
                pieces.subtract(rest)
                known.left[document] -= 1
                break
        else:
            broken.append(head)
            if len(broken) > 1:
                return False
    left = +pieces
    if not broken:
        return not left
    # What is cut off at the end of all rows is the rest of one document.
    return any(
        known.left[document] > 0
        and Counter(_rest(document, broken[0], width)[: left.total()]) == left
        for document in known.begun_by(broken[0])
    )


def _has(pieces: Counter[bytes], wanted: Sequence[bytes]) -> bool:
    """Say whether all that is wanted is there, in time that grows with ``wanted`` alone."""
    return all(pieces[piece] >= count for piece, count in Counter(wanted).items())


def _rest(document: bytes, head: bytes, width: int) -> list[bytes]:
    """Return what must be in other rows of a document that begins in one."""
    return [document[at : at + width] for at in range(len(head), len(document), width)]
