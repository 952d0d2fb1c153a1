"""Feeds of the small pipeline: RSS, Atom and JSON, from files and addresses, right and wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from small_pipeline import SmallPipeline, serving

from proofbook_subjects.pipeline.doubles.serving import Answer, Asked
from proofbook_subjects.pipeline.errors import InputError
from proofbook_subjects.pipeline.feeds import parse_feed

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
RSS = b"""<?xml version="1.0"?><rss><channel><title>T</title>
<item><title> solar  power </title><pubDate>Thu, 01 Jan 2026 10:00:00 +0100</pubDate>
<approx_traffic>20,000+</approx_traffic><link>http://a/1</link></item>
<item><title>tea</title><approx_traffic>5,000+</approx_traffic></item>
<item><title>tea</title></item><item><title></title></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>
<entry><title>solar power</title><updated>2026-01-01T09:00:00Z</updated><link href="http://a/1"/>
</entry><entry><title>tea</title></entry></feed>"""
JSON = b"""[{"name": "solar power", "score": 0.9, "timestamp": "2026-01-01T09:00:00+00:00",
"url": "http://a/1"}, "tea", 7]"""


@pytest.mark.parametrize("data", [RSS, ATOM, JSON, b'{"items": ' + JSON + b"}"])
def test_all_forms_give_the_same_topics(data: bytes):
    topics = parse_feed(data, "x", AT)
    assert [topic.name for topic in topics] == ["solar power", "tea"]
    assert [topic.at for topic in topics] == [datetime(2026, 1, 1, 9, tzinfo=UTC), AT]
    assert topics[0].url == "http://a/1"
    assert 0 <= topics[1].score < topics[0].score <= 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither RSS, Atom nor JSON"),
        (b"hello", "neither"),
        (b"<rss><item>", "not well-formed"),
        (b'{"items": 3}', "no list of topics"),
        (b"[1,", "not JSON"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><rss>&a;</rss>', "declares entities"),
    ],
)
def test_what_is_no_feed_is_told(data: bytes, words: str):
    with pytest.raises(InputError, match=words):
        parse_feed(data, "x", AT)


@pytest.mark.parametrize(
    ("feed", "code", "words"),
    [
        ("<rss><channel></channel></rss>", 1, "has no topics; nothing was changed"),
        ("[]", 1, "has no topics"),
        ('[{"name": "tea", "date": "2001-01-01"}]', 1, "none of the last 7 days"),
        ("nonsense", 2, "neither"),
    ],
)
def test_an_empty_feed_changes_nothing(pipeline: SmallPipeline, feed: str, code: int, words: str):
    pipeline.run("fetch_trends")
    before = pipeline.rows("trends.db", "SELECT * FROM trends")
    (pipeline.root / "data" / "feeds" / "own.txt").write_text(feed)
    ran = pipeline.run("fetch_trends", "--feed", "data/feeds/own.txt")
    assert (ran.code, words in ran.err) == (code, True), ran.err
    assert pipeline.rows("trends.db", "SELECT * FROM trends") == before


def test_without_trends_no_script_is_written(pipeline: SmallPipeline):
    ran = pipeline.run("generate_script", "--from-trends", "--output", "data/test/x.json")
    assert (ran.code, "run fetch_trends.py" in ran.err) == (1, True)


class Feed:
    """A server with a feed."""

    def key_of(self, asked: Asked) -> str:
        """Ask for no key."""
        return "right"

    def refuse(self, key: str) -> Answer:
        """Refuse nobody."""
        return Answer()

    def is_public(self, asked: Asked) -> bool:
        """Let everybody in."""
        return True

    def answer(self, asked: Asked) -> Answer:
        """Return today's feed, after a redirection."""
        if asked.path == "/old":
            return Answer(status=302, headers={"Location": "/new"})
        if asked.path == "/gone":
            return Answer(status=404)
        return Answer(body=RSS.replace(b"Thu, 01 Jan 2026", at().encode()), kind="text/xml")


def at() -> str:
    """Return yesterday as feeds write it."""
    return (datetime.now(UTC) - timedelta(days=1)).strftime("%a, %d %b %Y")


def test_a_feed_is_fetched_from_an_address(pipeline: SmallPipeline):
    with serving(Feed()) as url:
        assert pipeline.run("fetch_trends", "--feed", f"{url}/old?key=secret").code == 0
        gone = pipeline.run("fetch_trends", "--feed", f"{url}/gone")
    assert (gone.code, "answered 404" in gone.err) == (4, True)
    names = pipeline.rows("trends.db", "SELECT name, source FROM trends ORDER BY score DESC")
    assert names == [("solar power", f"{url}/old"), ("tea", f"{url}/old")]
