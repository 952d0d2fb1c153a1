"""Streams in pieces: server-sent events by the WHATWG's rules, and newline-delimited JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook_subjects.apis.client import lines
from proofbook_subjects.apis.client.events import (
    Event,
    EventDecoder,
    JsonLinesDecoder,
    StreamDecoder,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ONE_LINE = TEXTS.filter(lambda text: not set(text) & set("\r\n"))


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        yield data[start:end]


def decoded(decoder: StreamDecoder, parts: Iterator[bytes] | list[bytes]) -> list[Event]:
    events = [event for part in parts for event in decoder.feed(part)]
    return events + decoder.end()


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\n", [Event("message", "a")]),
        (b"data:a\n\ndata: b\n\n", [Event("message", "a"), Event("message", "b")]),
        (b"data:  a\n\n", [Event("message", " a")]),  # one space belongs to the colon
        (b"data: a\ndata: b\n\n", [Event("message", "a\nb")]),
        (b"data\n\n", [Event("message", "")]),
        (b"data\ndata\n\n", [Event("message", "\n")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [Event("x", "a"), Event("message", "b")]),
        (b"event: x\n\ndata: b\n\n", [Event("message", "b")]),  # no data, no event
        (b": ping\n\n: again\ndata: a\n\n", [Event("message", "a")]),
        (b"id: 7\nretry: 9\nfoo: bar\ndata: a\n\n", [Event("message", "a")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event("message", "a"), Event("message", "b")]),
        (b"data: a\rdata: b\r\r", [Event("message", "a\nb")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("message", "a")]),
        (b"data: \xef\xbb\xbfa\n\n", [Event("message", "\ufeffa")]),
        (b"data: \xff\n\n", [Event("message", "\ufffd")]),
        (b"data: a\n\ndata: unfinished\n", [Event("message", "a")]),
        (b"data: a\xe2\x80\xa8b\x0bc\x85\n\n", [Event("message", "a\u2028b\x0bc\ufffd")]),
        (b"", []),
    ],
)
def test_events_are_those_of_the_standard(body: bytes, events: list[Event]) -> None:
    assert decoded(EventDecoder(), [body]) == events
    assert decoded(EventDecoder(), [bytes([byte]) for byte in body]) == events


@given(
    st.lists(st.lists(ONE_LINE, min_size=1, max_size=3), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 500), max_size=8),
)
def test_borders_of_pieces_do_not_matter(
    events: list[list[str]], end: str, cuts: list[int]
) -> None:
    text = "".join("".join(f"data: {line}{end}" for line in event) + end for event in events)
    expected = [Event("message", "\n".join(event)) for event in events]
    assert decoded(EventDecoder(), pieces(text.encode(), cuts)) == expected


@given(st.lists(TEXTS, max_size=6), st.booleans(), st.lists(st.integers(0, 500), max_size=8))
def test_lines_of_json_come_whole(texts: list[str], ended: bool, cuts: list[int]) -> None:
    body = "\n".join(json.dumps(text, ensure_ascii=False) for text in texts)
    body += "\n" if ended else ""
    found = decoded(JsonLinesDecoder(), pieces(body.encode(), cuts))
    assert [json.loads(event.data) for event in found] == texts


def test_empty_lines_and_crlf_between_json_are_no_values() -> None:
    found = decoded(JsonLinesDecoder(), [b'{"a": 1}\r', b'\n\r\n\n{"a"', b": 2}\r\n"])
    assert [json.loads(event.data)["a"] for event in found] == [1, 2]


def test_a_carriage_return_within_a_line_of_json_ends_nothing() -> None:
    assert [e.data for e in decoded(JsonLinesDecoder(), [b'{"a":\r', b"1}\n"])] == ['{"a":\r1}']


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 100)
    decoder = EventDecoder()
    with pytest.raises(lines.TooLongError, match="100 characters"):
        for _ in range(11):
            decoder.feed(b"data: aaaa")
