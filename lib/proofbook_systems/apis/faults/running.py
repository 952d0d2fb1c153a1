"""Run one case on a client: plan the faults, ask, and keep what the client and the server saw."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.faults.cases import PROMPT, Case
from proofbook_systems.apis.faulty_server import Call, Lane
from proofbook_systems.apis.outcomes import Outcome, Sent

__all__ = ["CaseRun", "Terms", "run_case"]

WRONG_KEY = "wrong-key-5f3a9c1e"
WRONG_MODEL = "no-such-model"
_TOKENS = 64
_AMPLE = 5
"""A time-out over all attempts must leave room for what a client waits between them."""
_IDLE_SECONDS = 1.0
"""For which the server's calls may stay open after the client has told an end."""
_CANCEL_SECONDS = 3.0
_BEYOND = 1.5
"""A request that keeps its time-out has ended after so many times that, and a second."""
_PATIENCES = 5
"""For so many times the patience a client is waited for that still makes calls: it retries."""
_GAPS = 3
"""The next call of a client whose waits grow comes within so many times the longest so far."""
_CANCELLED_WORDS = 20
"""How often the prompt is said in a stream that is to be cancelled."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What every request has in common, and how long it is waited for."""

    protocol: str
    model: str
    key: str
    timeout: float
    """Seconds, given to the client with each request."""
    patience: float
    """Seconds after which a request that has not ended counts as hanging."""
    longest_sleep: float
    """The same, where the server asks for a wait that no caller wants."""
    options: Mapping[str, Any] = field(default_factory=dict)
    crowd: int = 0
    """How many requests come at once; 0 is the case's own number."""

    def timeout_of(self, case: Case) -> float:
        """Return the time-out of a case's requests: an ample one where it is not what is tried."""
        return self.timeout if case.is_timed else self.timeout * _AMPLE

    def patience_of(self, case: Case) -> float:
        """Return after how many seconds a request of a case counts as hanging."""
        if case.may_sleep:
            return self.longest_sleep
        return max(self.patience, _BEYOND * self.timeout_of(case) + 1.0)


@dataclass(frozen=True, kw_only=True)
class CaseRun:
    """What was seen of one case."""

    case: Case
    terms: Terms
    outcomes: Sequence[Outcome]
    calls: Sequence[Call]
    """What the server has noted, in order; without questions such as for the models."""
    left_open: int
    """Calls that were still open a moment after the client had told an end."""
    next_outcome: Outcome | None
    """Of a right request afterwards."""
    next_calls: int
    key_in_log: bool
    patience: float
    retrying: bool = False
    """Whether it was still making calls, a few patiences later, when it was waited for no more."""
    hosted: bool = True
    """Whether the client is a function in our host, which passes a cancellation on."""

    @property
    def undone(self) -> bool:
        """Whether the client says that it does not do what was asked."""
        return bool(self.outcomes) and all(outcome.is_undone for outcome in self.outcomes)

    @property
    def waits(self) -> list[float]:
        """Seconds from the end of each call to the start of the next."""
        pairs = zip(self.calls, self.calls[1:], strict=False)
        return [later.started - (call.ended or later.started) for call, later in pairs]


def run_case(case: Case, client: ClientProcess, lane: Lane, terms: Terms) -> CaseRun:
    """Run a case on a client, and ask it for a right answer afterwards."""
    lane.plan(
        [_scaled(fault, terms) for fault in case.faults], share=case.share, seed=7, pace=case.pace
    )
    patience = terms.patience_of(case)
    size = client.log.stat().st_size
    outcomes = _ask(case, client, lane, terms, patience)
    retrying = outcomes[-1].ended == "late" and _is_retrying(case, lane, patience)
    is_idle = lane.wait_idle(_IDLE_SECONDS)
    calls = [call for call in lane.calls() if call.method != "GET"]
    left = 0 if is_idle else lane.summary().open
    lane.reset()
    is_open = any(outcome.ended in ("lost", "late") for outcome in outcomes)
    following = None
    if not is_open and not all(outcome.is_undone for outcome in outcomes):
        following = client.ask(_request(case, lane, terms, stream=False, right=True), patience)
    with client.log.open("rb") as file:
        file.seek(size)
        printed = file.read()
    keys = (terms.key, WRONG_KEY)
    return CaseRun(
        case=case, terms=terms, outcomes=outcomes, calls=calls, left_open=left,
        next_outcome=following, next_calls=lane.summary().calls,
        key_in_log=any(key.encode() in printed for key in keys), patience=patience,
        hosted=client.command.is_hosted, retrying=retrying,
    )  # fmt: skip


def _scaled(fault: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    values = dict(fault)
    if (share := values.pop("seconds_timeouts", None)) is not None:
        values["seconds"] = float(share) * terms.timeout
    return values


def _request(
    case: Case, lane: Lane, terms: Terms, *, stream: bool, right: bool = False
) -> dict[str, Any]:
    wrong = "" if right else case.wrong
    said = " ".join([PROMPT] * _CANCELLED_WORDS) if case.cancel_after and not right else PROMPT
    return {
        "action": "chat", "protocol": terms.protocol, "base_url": lane.base_url,
        "api_key": WRONG_KEY if wrong == "key" else terms.key,
        "model": WRONG_MODEL if wrong == "model" else terms.model,
        "messages": [{"role": "user", "content": said}], "stream": stream,
        "max_tokens": _TOKENS * _CANCELLED_WORDS, "timeout": terms.timeout_of(case),
        "options": dict(terms.options),
    }  # fmt: skip


def _ask(
    case: Case, client: ClientProcess, lane: Lane, terms: Terms, patience: float
) -> list[Outcome]:
    request = _request(case, lane, terms, stream=case.stream)
    if case.cancel_after:
        return [_cancel(case, client, client.send(request), terms)]
    if case.at_once:
        number = terms.crowd or case.at_once
        sent = [client.send({**request, "stream": n % 2 == 1}) for n in range(number)]
        deadline = time.monotonic() + patience
        return [each.wait(max(0.0, deadline - time.monotonic())) for each in sent]
    outcomes: list[Outcome] = []
    for _ in range(case.asked_times):
        outcomes.append(_wait(client.send(request), case, lane, patience))
        if outcomes[-1].ended in ("lost", "late"):
            break
    return outcomes


def _cancel(case: Case, client: ClientProcess, sent: Sent, terms: Terms) -> Outcome:
    sent.wait_deltas(case.cancel_after, terms.patience)
    client.cancel(sent)
    return sent.wait(_CANCEL_SECONDS)


def _wait(sent: Sent, case: Case, lane: Lane, patience: float) -> Outcome:
    """Wait for an outcome: as long as the patience, and longer for a client that still retries."""
    deadline = time.monotonic() + _PATIENCES * patience
    outcome = sent.wait(patience)
    while outcome.ended == "late" and _is_retrying(case, lane, patience):
        if (left := deadline - time.monotonic()) <= 0:
            break
        outcome = sent.wait(min(left, 1.0))
    return outcome


def _is_retrying(case: Case, lane: Lane, patience: float) -> bool:
    """Say whether another call may be expected of the client, by those that it has made."""
    if case.may_sleep or case.asked_times > 1 or case.at_once:
        return False
    if any(fault["kind"] == "refuse" for fault in case.faults):
        return True  # calls that are refused are not seen
    starts = [call.started for call in lane.calls()]
    if len(starts) < 2:
        return False
    longest = max(later - start for start, later in itertools.pairwise(starts))
    return time.monotonic() - starts[-1] < max(patience, _GAPS * longest)
