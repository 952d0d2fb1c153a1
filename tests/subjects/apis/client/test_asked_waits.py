"""How long a server asks to wait, in each form that servers use."""

from __future__ import annotations

from email.utils import formatdate

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook_subjects.apis.client.rate_limits import spent_for
from proofbook_subjects.apis.client.waits import asked_wait, parse_http_date

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": " 2 "}, 2.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "3600"}, 3600.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after-ms": "-5", "Retry-After": "9"}, 9.0),
        ({"Retry-After": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"Retry-After": formatdate(NOW - 30, usegmt=True)}, 0.0),
        # the server's clock is a day ahead of ours: it means 5 s all the same
        (
            {
                "Retry-After": formatdate(NOW + 86405, usegmt=True),
                "Date": formatdate(NOW + 86400, usegmt=True),
            },
            5.0,
        ),
        ({"Retry-After": "Sunday, 06-Nov-94 08:49:37 GMT"}, 0.0),  # obsolete, and still valid
        ({"Retry-After": "Sun Nov  6 08:49:37 1994"}, 0.0),
    ],
)
def test_the_wait_is_what_the_server_asks_for(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert asked_wait(httpx.Headers(headers), NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"default";r=0;t=30'}, 30.0),
        ({"RateLimit": '"default";r=5;t=30'}, None),
        ({"RateLimit": '"a";r=5;t=30, "b";r=0;t=7'}, 7.0),
        ({"RateLimit": '"a";r=0', "RateLimit-Policy": '"a";q=100;w=60'}, 60.0),
        ({"RateLimit": '"a";r=0', "RateLimit-Policy": '"b";q=100;w=60'}, None),
        ({"RateLimit": "limit=100, remaining=0, reset=12"}, 12.0),
        ({"RateLimit": "limit=100, remaining=3, reset=12"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "4"}, 4.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 9)}, 9.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) - 9)}, 0.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "250ms"}, 0.25),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:20Z",
            },
            20.0,
        ),
        ({"X-RateLimit-Remaining": "none", "X-RateLimit-Reset": "never"}, None),
        ({"RateLimit": "?!"}, None),
    ],
)
def test_a_spent_limit_says_for_how_long(headers: dict[str, str], seconds: float | None) -> None:
    assert spent_for(httpx.Headers(headers), NOW) == pytest.approx(seconds)
    assert asked_wait(httpx.Headers(headers), NOW) == pytest.approx(seconds)


@given(st.text(max_size=40))
def test_any_text_is_a_wait_or_nothing(text: str) -> None:
    headers = {"retry-after": text, "ratelimit": text, "x-ratelimit-reset": text}
    headers |= {"x-ratelimit-remaining": "0", "date": text, "ratelimit-policy": text}
    for chosen in (headers, {**headers, "retry-after": "x"}):
        wait = asked_wait(chosen, NOW)
        assert wait is None or wait >= 0


@given(st.floats(0, 4e9))
def test_a_date_is_read_back_to_the_second(moment: float) -> None:
    found = parse_http_date(formatdate(moment, usegmt=True))
    assert found is not None
    assert abs(found - moment) <= 1
