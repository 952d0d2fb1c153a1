"""Read topics from a feed: RSS, Atom, JSON Feed, or a plain JSON list. Knows no database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree

from proofbook_subjects.pipeline.errors import InputError

__all__ = ["Topic", "parse_feed"]

_TITLES = ("title", "name", "topic", "query")
_DATES = ("pubDate", "published", "updated", "date", "timestamp", "date_published")
_SCORES = ("score", "relevance_score", "approx_traffic", "traffic")
_LINKS = ("link", "url", "id")
_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic of a feed."""

    name: str
    score: float
    """From 0 to 1: what the feed gives as a share of its largest, else by the place in it."""
    at: datetime
    url: str = ""


def parse_feed(data: bytes, where: str, read_at: datetime) -> list[Topic]:
    """Return the topics of a feed in its order, each name once.

    Args:
        data: The feed.
        where: What it was read from, for the message.
        read_at: The time of a topic that has none of its own.

    Raises:
        InputError: It is no feed.
    """
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        entries = list(_json_entries(data, where))
    elif start == b"<":
        entries = list(_xml_entries(data, where))
    else:
        raise InputError(f"feed {where} is neither RSS, Atom nor JSON")
    named = {_text(entry, _TITLES): entry for entry in reversed(entries) if _text(entry, _TITLES)}
    kept = list(reversed(named.items()))
    scores = [_number(_text(entry, _SCORES)) for _, entry in kept]
    largest = max((score for score in scores if score is not None), default=1.0) or 1.0
    return [
        Topic(
            name=name[:_LONGEST],
            score=_share(score, largest, place, len(kept)),
            at=_date(_text(entry, _DATES)) or read_at,
            url=_text(entry, _LINKS),
        )
        for place, ((name, entry), score) in enumerate(zip(kept, scores, strict=True))
    ]


def _share(score: float | None, largest: float, place: int, count: int) -> float:
    if score is None:
        return round(1 - place / max(count, 1), 4)
    return round(min(1.0, max(0.0, score / largest if largest > 1 else score)), 4)


def _json_entries(data: bytes, where: str) -> Iterator[dict[str, str]]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"feed {where} is not JSON: {error}") from error
    if isinstance(document, dict):
        lists = [document.get(key) for key in ("items", "trends", "entries", "data")]
        document = next((each for each in lists if isinstance(each, list)), None)
    if not isinstance(document, list):
        raise InputError(f"feed {where} holds no list of topics")
    for entry in document:
        if isinstance(entry, dict):
            yield {key: _plain(value) for key, value in entry.items()}
        elif isinstance(entry, str):
            yield {"title": " ".join(entry.split())}


def _plain(value: Any) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""


def _xml_entries(data: bytes, where: str) -> Iterator[dict[str, str]]:
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data:
        raise InputError(f"feed {where} declares entities, which no feed needs: it is refused")
    try:
        tree = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise InputError(f"feed {where} is not well-formed XML: {error}") from error
    for element in tree.iter():
        if _local(element.tag) in ("item", "entry"):
            yield {
                _local(child.tag): " ".join((child.text or child.get("href") or "").split())
                for child in element
            }


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _text(entry: dict[str, str], keys: tuple[str, ...]) -> str:
    return next((entry[key] for key in keys if entry.get(key)), "")


def _number(text: str) -> float | None:
    found = re.search(r"\d[\d,]*(\.\d+)?", text)
    return float(found.group().replace(",", "")) if found else None


def _date(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(text)
        except (ValueError, TypeError):
            continue
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return None
