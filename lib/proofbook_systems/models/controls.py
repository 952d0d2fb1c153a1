"""Plant a fault in a model that holds, run the check that should find it, and mend it again."""

from __future__ import annotations

from proofbook_systems.models.checking import Subject
from proofbook_systems.models.comparing import NotApplicableError
from proofbook_systems.models.findings import Finding, Verdict
from proofbook_systems.models.planting import FAULTS, planted
from proofbook_systems.models.reasons import describe

__all__ = ["try_fault"]


def try_fault(fault: str, subject: Subject, verdict: Verdict) -> Finding:
    """Return whether a fault is found: passed where it is, with what the check says of it.

    It is skipped where its check does not hold without it, or where the model has nothing that
    could be broken so.
    """
    check = FAULTS[fault]
    if (status := verdict.status_of(check)) != "passed":
        return Finding(check=fault, status="skipped", reason=f"{check} is {status or 'not there'}")
    with planted(fault, subject.model) as (loading, touched):
        try:
            reason = subject.checks[check](loading)
        except NotApplicableError as error:
            return Finding(check=fault, status="skipped", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the fault shows
            reason = describe(error)
        if not touched():
            return Finding(check=fault, status="skipped", reason="has nothing to break so")
    return Finding(check=fault, status="passed" if reason else "failed", reason=reason)
