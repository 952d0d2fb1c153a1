"""Rounds of load, the times that users feel, and what is promised to them."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import HANG

from proofbook_systems.apis.load.asking import _marker
from proofbook_systems.apis.load.judging import find_crossed, find_lost, kept_share, missed, slug
from proofbook_systems.apis.load.percentiles import percentile, percentiles
from proofbook_systems.apis.load.rounds import Round, run_closed, run_open
from proofbook_systems.apis.load.samples import Sample
from proofbook_systems.apis.load.service_levels import ServiceLevel
from proofbook_systems.apis.load.summaries import numbers_of, table, times_of


def sample(**changes: Any) -> Sample:
    """Return a request that was answered in 1 s, in five pieces from 0.2 s on."""
    fields: dict[str, Any] = {
        "due": 10.0, "ended": 11.0, "pieces": (10.2, 10.4, 10.6, 10.8, 11.0),
        "output_tokens": 5, "text": "a b 123456", "marker": "123456",
    }  # fmt: skip
    return Sample(**{**fields, **changes})


def loaded(*samples: Sample, **changes: Any) -> Round:
    """Return a closed round of two clients that took 2 s."""
    fields = {"closed": True, "level": 2, "seconds": 2.0, "sent": len(samples)}
    return Round(samples=samples, **{**fields, **changes})


def test_times_are_those_of_the_field() -> None:
    one = sample()
    assert one.ttft == pytest.approx(0.2)
    assert one.latency == pytest.approx(1.0)
    assert one.tpot == pytest.approx(0.2)
    assert one.gaps == pytest.approx((0.2, 0.2, 0.2, 0.2))


def test_an_answer_that_came_whole_has_no_time_to_first_token() -> None:
    whole = sample(pieces=())
    assert (whole.ttft, whole.tpot, whole.gaps) == (None, None, ())


def test_pieces_count_as_tokens_where_the_server_counts_none() -> None:
    assert sample(output_tokens=None).tokens == 5
    assert sample(output_tokens=9).tokens == 9


def test_one_token_has_no_time_per_token() -> None:
    assert sample(pieces=(10.2,), output_tokens=1).tpot is None


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 100)
)  # fmt: skip
def test_a_percentile_is_numpys(values: list[float], level: float) -> None:
    assert math.isclose(
        percentile(values, level), float(np.percentile(values, level)), rel_tol=1e-9, abs_tol=1e-9
    )


@pytest.mark.parametrize(("values", "level"), [([], 50), ([1.0], 101), ([1.0], -1)])
def test_a_percentile_of_nothing_is_refused(values: list[float], level: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, level)


@pytest.mark.parametrize(
    ("count", "levels"),
    [(0, []), (1, [50]), (9, [50]), (10, [50, 90]), (40, [50, 90, 95]), (100, [50, 90, 95, 99])],
)
def test_only_percentiles_with_samples_beyond_them_are_told(count: int, levels: list[int]) -> None:
    assert list(percentiles([1.0] * count)) == levels


def test_a_closed_round_has_as_many_in_flight_as_clients() -> None:
    meet = threading.Barrier(3, timeout=HANG)

    def ask(number: int, due: float) -> Sample:
        meet.wait()  # passes only when three are here at once
        return sample(marker=str(number))

    done = run_closed(ask, clients=3, requests=6, first=100)
    assert sorted(s.marker for s in done.samples) == [str(n) for n in range(100, 106)]
    assert (done.name, done.sent, done.error_share) == ("3 clients", 6, 0.0)


def test_an_open_round_does_not_wait_for_answers() -> None:
    everyone = threading.Barrier(5, timeout=HANG)

    def ask(number: int, due: float) -> Sample:
        everyone.wait()  # would hang if one request waited for another's end
        return sample(due=due)

    done = run_open(ask, rate=1000.0, requests=5, seed=1)
    assert len(done.samples) == 5
    assert done.name == "1000/s"


def test_requests_of_an_open_round_are_due_as_seeded() -> None:
    def dues(seed: int) -> list[float]:
        done = run_open(lambda _, due: sample(due=due), rate=200.0, requests=6, seed=seed)
        first = done.samples[0].due
        return [round(s.due - first, 6) for s in done.samples]

    assert dues(3) == dues(3)
    assert dues(3) != dues(4)


def test_waiting_to_be_sent_counts_as_waiting() -> None:
    late = run_open(
        lambda _, due: sample(due=due, ended=time.monotonic() + 1.0), rate=500.0, requests=3, seed=0
    )
    assert all(s.latency >= 1.0 for s in late.samples)


@pytest.mark.parametrize(
    ("promised", "kept"),
    [
        (ServiceLevel(), True),
        (ServiceLevel(ttft=0.25), True),
        (ServiceLevel(ttft=0.1), False),
        (ServiceLevel(tpot=0.25), True),
        (ServiceLevel(tpot=0.1), False),
        (ServiceLevel(latency=1.5), True),
        (ServiceLevel(latency=0.5), False),
        (ServiceLevel(ttft=0.25, latency=0.5), False),
    ],
)
def test_all_bounds_must_be_kept(promised: ServiceLevel, kept: bool) -> None:
    assert promised.is_kept(sample()) is kept


def test_an_error_keeps_no_promise_however_fast_it_came() -> None:
    assert not ServiceLevel(latency=9.0).is_kept(sample(fault="500"))


def test_the_first_token_of_a_whole_answer_is_its_end() -> None:
    assert not ServiceLevel(ttft=0.5).is_kept(sample(pieces=()))


def test_goodput_counts_what_kept_the_promises() -> None:
    slow = sample(ended=15.0)
    both = loaded(sample(), slow)
    assert ServiceLevel(latency=2.0).goodput(both) == pytest.approx(0.5)
    assert kept_share(both, ServiceLevel(latency=2.0)) == pytest.approx(0.5)


def test_a_lost_request_lowers_goodput_and_is_told() -> None:
    short = loaded(sample(), sent=2)
    assert kept_share(short, ServiceLevel()) == pytest.approx(0.5)
    assert short.error_share == pytest.approx(0.5)
    assert find_lost(short) == "1 of 2 requests have no end"


def test_an_empty_answer_is_lost() -> None:
    assert "1 answers are empty" in find_lost(loaded(sample(text="  ")))
    assert find_lost(loaded(sample())) == ""


def test_crossed_answers_are_told_by_whose_they_are() -> None:
    crossed = loaded(
        sample(marker="111111", text="so 222222"), sample(marker="222222", text="so 111111"),
        sample(marker="333333", text="so 333333"), sample(marker="444444", text="nothing"),
        sample(marker="555555", text="so 555555 and 333333"),
    )  # fmt: skip
    assert find_crossed(crossed) == [
        "111111 was answered with that of 222222", "222222 was answered with that of 111111",
        "444444 was answered with 'nothing'", "555555 was answered with that of 333333",
    ]  # fmt: skip


def test_each_request_has_a_number_of_its_own() -> None:
    markers = [_marker(number) for number in range(5000)]
    assert len(set(markers)) == 5000
    assert all(len(marker) == 6 for marker in markers)


def test_faults_are_counted_the_most_frequent_first() -> None:
    faults = loaded(sample(fault="b"), sample(fault="a"), sample(fault="a")).faults
    assert faults == ["2 times: a", "1 times: b"]


def test_numbers_are_of_answered_requests_alone() -> None:
    numbers = {n.name: n for n in numbers_of(loaded(sample(), sample(fault="x")), ServiceLevel())}
    assert numbers["request_throughput"].value == pytest.approx(0.5)
    assert numbers["output_throughput"].value == pytest.approx(2.5)
    assert numbers["error_share"].value == pytest.approx(0.5)
    assert numbers["ttft_p50"].value == pytest.approx(200.0)
    assert numbers["error_share"].better == "lower"


def test_what_was_not_streamed_has_no_ttft() -> None:
    whole = loaded(sample(pieces=()))
    assert times_of(whole, "ttft") == []
    assert "ttft_p50" not in {n.name for n in numbers_of(whole, ServiceLevel())}


def test_the_table_has_a_line_for_each_round_and_each_reason() -> None:
    text = table(
        [loaded(sample()), loaded(sample(fault="HTTP 500"), closed=False, level=4.0)],
        ServiceLevel(ttft=0.5),
    )
    assert "Promised: TTFT ≤ 0.5 s." in text
    assert "| 2 clients | 1 |" in text
    assert "| 4/s | 1 |" in text
    assert "- 4/s: 1 times: HTTP 500" in text


def test_rounds_are_called_by_their_level() -> None:
    assert slug(loaded(sample())) == "2-clients"
    assert slug(loaded(sample(), closed=False, level=2.5)) == "2.5-a-second"


def test_a_missed_promise_is_told_with_how_often_and_how_far() -> None:
    some = loaded(sample(), sample(ended=14.0), sample(fault="x"))
    words = missed(some, ServiceLevel(ttft=0.1, latency=2.0))
    assert words == (
        "promised: TTFT ≤ 0.1 s, end to end ≤ 2 s; missed: TTFT by 2 of 3, at most 0.2 s, "
        "end to end by 1 of 3, at most 4 s"
    )
    assert missed(some, ServiceLevel()) == "promised: an answer, however late"
