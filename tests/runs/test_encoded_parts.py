"""What bytes are in an encoding is all that does not depend on their surroundings, and no more."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest

from proofbook.runs.secrets.encodings import base32_parts, base64_parts

DATA = b"\x8b\x00tr0ub4dor&3\xff\xe1"
SURROUNDINGS = (b"\x00" * 5, b"\xff" * 5, b"\x55\xaa\x0f\xf0\x33", b"\xaa\x55\xf0\x0f\xcc")


@pytest.mark.parametrize(
    ("parts", "encode", "group"),
    [(base64_parts, base64.b64encode, 3), (base32_parts, base64.b32encode, 5)],
)
def test_parts_are_what_all_surroundings_leave_as_it_is(
    parts: Callable[[bytes], Iterator[str]], encode: Callable[[bytes], bytes], group: int
) -> None:
    found = []
    for offset in range(group):
        texts = [encode(each[:offset] + DATA + each).decode().rstrip("=") for each in SURROUNDINGS]
        texts += [encode(each[:offset] + DATA).decode().rstrip("=") for each in SURROUNDINGS]
        found.append(_in_common(texts))
    assert list(parts(DATA)) == found


def _in_common(texts: list[str]) -> str:
    """Return the longest run of characters that all texts have in the same place."""
    columns = zip(*texts, strict=False)
    same = "".join("=" if len(set(column)) == 1 else "." for column in columns)
    run = max(same.split("."), key=len)
    start = same.index(run)
    return texts[0][start : start + len(run)]
