# ruff: noqa: E501 - a change is easier to read on one line
"""Defects, each planted into a copy of the right client: where it is found, and by which rule.

A defect is a list of changes of ``urllib_client.py``. Knows nothing about how clients are run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["DEFECTS", "Defect", "plant"]

RIGHT = Path(__file__).with_name("urllib_client.py")


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One defect."""

    case: str
    """The case that must find it."""
    rule: str
    says: str
    """What a message must say."""
    changes: Sequence[tuple[str, str]]
    options: dict[str, Any] = field(default_factory=dict)
    retries: int = -1
    """What is promised."""
    honours: Sequence[str] = ()


def plant(defect: Defect) -> str:
    """Return the source of the client with the defect."""
    source = RIGHT.read_text(encoding="utf-8")
    for old, new in defect.changes:
        assert source.count(old) == 1, f"{source.count(old)} places for {old!r}"
        source = source.replace(old, new)
    return source


SLEEP = "            time.sleep(wait)\n"
REFUSED = "            if wait > LONGEST_WAIT:\n"
PARSE_FAILS = (
    '        raise ClientError(f"the answer is not a completion: {text[:100]!r}") from None\n'
)
LOST_END = '    raise ClientError("the stream ended before its end marker: it is not complete")\n'
BAD_EVENT = '        raise ClientError(f"an event is not JSON: {data[:60]}") from None\n'
STREAM = "            yield from events(answer)\n"
RETRY = "        raise RetryError(lost(error)) from error\n    finally:\n"
RUN_PLAIN = "    with slots:\n        return with_retries(request, plain)\n"
ATTEMPTS = "    for attempt in range(retries + 1):\n"
LINES = "    while line := answer.readline():\n        yield line.decode()\n"

DEFECTS: dict[str, Defect] = {
    "one-retry-too-many": Defect(
        case="constant-500", rule="calls", says="4 calls", retries=2,
        changes=[(ATTEMPTS, "    retries += 1\n" + ATTEMPTS)],
    ),
    "one-retry-too-few": Defect(
        case="constant-500", rule="calls", says="2 calls", retries=2,
        changes=[(ATTEMPTS, "    retries -= 1\n" + ATTEMPTS)],
    ),
    "retries-within-retries": Defect(
        case="constant-500", rule="calls", says="9 calls", retries=2,
        changes=[(RUN_PLAIN, """    def inner(request: Any) -> Any:
        try:
            return with_retries(request, plain)
        except ClientError as error:
            raise RetryError(error) from None

    with slots:
        return with_retries(request, inner)
""")],
    ),
    "more-retries-than-promised": Defect(
        case="reset-always", rule="calls", says="3 calls", retries=1, changes=[],
    ),
    "storm": Defect(
        case="constant-500", rule="calls", says="within a second",
        options={"max_retries": 40}, changes=[(SLEEP, "            time.sleep(0.001)\n")],
    ),
    "milliseconds-as-seconds": Defect(
        case="wait-milliseconds", rule="ends", says="has not ended",
        changes=[("float(milliseconds) / 1000", "float(milliseconds)"), (REFUSED, "            if wait > 1e9:\n")],
    ),
    "milliseconds-ignored": Defect(
        case="wait-milliseconds", rule="waits", says="0.70 s", honours=["milliseconds"],
        changes=[("    if milliseconds := answer.getheader(\"retry-after-ms\"):\n        return float(milliseconds) / 1000\n", "")],
    ),
    "date-ignored": Defect(
        case="wait-date", rule="waits", says="the server asked for",
        changes=[("        return until(value)\n", "        return None\n")],
    ),
    "retry-after-ignored": Defect(
        case="wait-seconds", rule="waits", says="asked for 1.00 s",
        changes=[("    if value is None:\n        return None\n", "    return None\n")],
    ),
    "retry-after-halved": Defect(
        case="constant-503", rule="waits", says="comes back after 0.5",
        changes=[(SLEEP, "            time.sleep(wait * 0.5)\n")],
    ),
    "sleeps-for-a-day": Defect(
        case="wait-day", rule="ends", says="sleeps for as long as the server says",
        changes=[(REFUSED, "            if wait > 1e9:\n")],
    ),
    "sleeps-until-tomorrow": Defect(
        case="wait-day-as-date", rule="ends", says="sleeps for as long as the server says",
        changes=[(REFUSED, "            if wait > 1e9:\n")],
    ),
    "negative-wait-crashes": Defect(
        case="wait-negative", rule="crashes", says="ValueError",
        changes=[("max(0.0, retry.wait)", "retry.wait")],
    ),
    "past-date-crashes": Defect(
        case="wait-past-date", rule="crashes", says="ValueError",
        changes=[("max(0.0, retry.wait)", "retry.wait")],
    ),
    "fraction-crashes": Defect(
        case="wait-fraction", rule="crashes", says="ValueError",
        changes=[("        return float(value)\n    except ValueError:\n        return until(value)\n", "        return int(value)\n    except IndexError:\n        return until(value)\n")],
    ),
    "garbage-crashes": Defect(
        case="wait-garbage", rule="crashes", says="soon",
        changes=[("    except ValueError:\n        return None\n", "    except OSError:\n        return None\n")],
    ),
    "retried-after-first-delta": Defect(
        case="stream-reset", rule="text", says="came twice",
        changes=[(STREAM, """            try:
                yield from events(answer)
            except OSError:
                connection, answer = with_retries(request, open_call)
                yield from events(answer)
""")],
    ),
    "broken-stream-as-whole": Defect(
        case="no-end", rule="text", says="told as complete", changes=[(LOST_END, "")],
    ),
    "closed-stream-as-whole": Defect(
        case="stream-closed", rule="text", says="of 24 words", changes=[(LOST_END, "")],
    ),
    "reset-ends-stream": Defect(
        case="stream-reset", rule="text", says="of 24 words",
        changes=[("            raise lost(error) from error\n        finally:\n", "            return\n        finally:\n")],
    ),
    "reset-ends-stream-without-a-reason": Defect(
        case="stream-reset", rule="text", says="of 24 words",
        changes=[("            raise lost(error) from error\n        finally:\n", "            yield {\"finish_reason\": None}\n        finally:\n")],
    ),
    "refuses-milliseconds-as-seconds": Defect(
        case="wait-milliseconds", rule="calls", says="gives up", retries=2, honours=["milliseconds"],
        changes=[("float(milliseconds) / 1000", "float(milliseconds)")],
    ),
    "timeout-ends-stream": Defect(
        case="hang-in-stream", rule="text", says="of 24 words",
        changes=[("            raise lost(error) from error\n        finally:\n", "            return\n        finally:\n")],
    ),
    "truncated-body-as-whole": Defect(
        case="closed-in-body", rule="text", says="no whole answer",
        changes=[(RETRY, """        partial = getattr(error, "partial", b"").decode(errors="replace")
        return {"text": partial.partition('"content": "')[2]}
    finally:
""")],
    ),
    "length-cuts-the-answer": Defect(
        case="length-too-small", rule="text", says="no whole answer",
        changes=[(PARSE_FAILS, "        return {\"text\": text.decode(errors='replace').partition('\"content\": \"')[2]}\n")],
    ),
    "error-body-as-answer": Defect(
        case="error-body", rule="text", says="says something else",
        changes=[(PARSE_FAILS, "        return {\"text\": str(json.loads(text))}\n")],
    ),
    "html-as-answer": Defect(
        case="html", rule="text", says="Sign in",
        changes=[(PARSE_FAILS, "        return {\"text\": text.decode()}\n")],
    ),
    "nothing-as-answer": Defect(
        case="empty", rule="text", says="0 of 24 words",
        changes=[(PARSE_FAILS, "        return {\"text\": \"\"}\n")],
    ),
    "other-json-as-answer": Defect(
        case="other-json", rule="text", says="0 of 24 words",
        changes=[(PARSE_FAILS, "        return {\"text\": \"\"}\n")],
    ),
    "broken-gzip-as-answer": Defect(
        case="broken-gzip", rule="text", says="something else",
        changes=[(PARSE_FAILS, "        return {\"text\": text.decode(errors=\"replace\")}\n")],
    ),
    "failure-as-empty-answer": Defect(
        case="reset-always", rule="text", says="0 of 24 words",
        changes=[("                raise retry.cause from None\n", "                return {\"text\": \"\"}\n")],
    ),
    "malformed-event-skipped": Defect(
        case="malformed-event", rule="text", says="is missing", changes=[(BAD_EVENT, "        return\n")],
    ),
    "error-event-ends-stream": Defect(
        case="error-event", rule="text", says="told as complete",
        changes=[('        if data == "[DONE]":\n', '        if data == "[DONE]" or \'"error"\' in data:\n')],
    ),
    "reads-line-feeds-only": Defect(
        case="stream-crlf", rule="refuses", says="a right answer ends in an error",
        changes=[(LINES, "    for event in answer.read().decode().split(\"\\n\\n\"):\n        yield event\n")],
    ),
    "wants-a-space": Defect(
        case="stream-no-space", rule="refuses", says="a right answer ends in an error",
        changes=[('    if not line.startswith("data:"):\n', '    if not line.startswith("data: "):\n')],
    ),
    "takes-comments-for-data": Defect(
        case="stream-comments", rule="refuses", says="not JSON",
        changes=[('        if not line.startswith("data:"):\n            continue\n', '        if not line.strip():\n            continue\n')],
    ),
    "decodes-chunk-by-chunk": Defect(
        case="stream-split", rule="text", says="something else",
        changes=[(LINES, """    rest = ""
    while chunk := answer.read1(7):
        *lines, rest = (rest + chunk.decode(errors="ignore")).split("\\n")
        yield from (line + "\\n" for line in lines)
""")],
    ),
    "no-timeout": Defect(
        case="hang", rule="ends", says="has not ended",
        changes=[('timeout=request["timeout"]\n', "timeout=None\n")],
    ),
    "no-timeout-on-the-body": Defect(
        case="hang-in-body", rule="ends", says="has not ended",
        changes=[("        return connection, answer\n", "        answer.fp.raw._sock.settimeout(None)\n        return connection, answer\n")],
    ),
    "no-timeout-within-a-stream": Defect(
        case="hang-in-stream", rule="ends", says="has not ended",
        changes=[("        return connection, answer\n", "        answer.fp.raw._sock.settimeout(None)\n        return connection, answer\n")],
    ),
    "a-timeout-of-its-own": Defect(
        case="hang", rule="time-out", says="its time-out is", options={"max_retries": 0},
        changes=[('timeout=request["timeout"]\n', 'timeout=request["timeout"] + 2\n')],
    ),
    "slot-lost-with-a-stream": Defect(
        case="many-broken-streams", rule="ends", says="has not ended",
        changes=[("    with slots:\n        connection, answer = with_retries(request, open_call)\n        try:\n", "    slots.acquire()\n    if True:\n        connection, answer = with_retries(request, open_call)\n        try:\n"),
                 (STREAM, STREAM + "            slots.release()\n")],
    ),
    "slot-lost-with-an-error": Defect(
        case="crowd", rule="ends", says="has not ended", options={"max_retries": 0},
        changes=[(RUN_PLAIN, "    slots.acquire()\n    result = with_retries(request, plain)\n    slots.release()\n    return result\n")],
    ),
    "works-no-more-after-a-timeout": Defect(
        case="hang", rule="next", says="the next request", options={"max_retries": 0},
        changes=[("    if isinstance(error, TimeoutError):\n", "    if isinstance(error, TimeoutError):\n        _slots.clear()\n        _slots[4] = _slots[0] = None\n"),
                 ("    slots = _slots_of(request)\n", "    slots = _slots_of(request)\n    if slots is None:\n        time.sleep(request['timeout'])\n        raise ClientError('the pool is broken')\n")],
    ),
    "cancelled-stream-is-read-on": Defect(
        case="cancelled-stream", rule="cancels", says="after it was cancelled",
        changes=[(STREAM, """            try:
                yield from events(answer)
            except GeneratorExit:
                answer.read()
                raise
""")],
    ),
    "key-in-the-message": Defect(
        case="wrong-key", rule="key", says="in the error's message",
        changes=[("            refuse(answer)\n", "            if answer.status == 401:\n                raise ClientError(f\"401 with {headers}\", 401)\n            refuse(answer)\n")],
    ),
    "key-in-a-cause": Defect(
        case="reset-always", rule="key", says="in the error's message",
        changes=[("                raise retry.cause from None\n", "                raise retry.cause from ValueError(request[\"api_key\"])\n")],
    ),
    "key-is-printed": Defect(
        case="constant-500", rule="key", says="prints",
        changes=[(SLEEP, "            print(\"retry\", request)\n" + SLEEP)],
    ),
    "retries-a-wrong-key": Defect(
        case="wrong-key", rule="calls", says="after 401", changes=[("RETRIED = {408,", "RETRIED = {401, 408,")],
    ),
    "retries-a-bad-request": Defect(
        case="bad-request", rule="calls", says="after 400", changes=[("RETRIED = {408,", "RETRIED = {400, 408,")],
    ),
    "asks-twice": Defect(
        case="slow-answer", rule="calls", says="more than once",
        changes=[(RUN_PLAIN, "    with slots:\n        threading.Thread(target=plain, args=(request,), daemon=True).start()\n        return with_retries(request, plain)\n")],
    ),
    "dies": Defect(
        case="broken-gzip", rule="ends", says="the client died",
        changes=[(PARSE_FAILS, "        __import__(\"os\")._exit(3)\n")],
    ),
}  # fmt: skip
