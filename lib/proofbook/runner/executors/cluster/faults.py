"""What Ray says of an attempt that it has lost, in a person's words."""

from __future__ import annotations

from proofbook.errors import ProofbookError
from proofbook.runner.executors.protocol import InfrastructureFault

__all__ = ["NotStarted", "StrangeMachine", "fault_of"]

_WORDS = {
    "NodeDiedError": "its machine is gone",
    "WorkerCrashedError": "the process that executed it is gone",
    "LocalRayletDiedError": "the Ray node of its machine is gone",
    "OutOfMemoryError": "its machine had no memory left",
    "ActorDiedError": "what its machine keeps for the run is gone",
    "ActorUnavailableError": "what its machine keeps for the run does not answer",
    "ObjectLostError": "what it had sent is lost",
    "OwnerDiedError": "what was sent to it is lost",
    "ObjectFetchTimedOutError": "what it had sent did not arrive",
}


class NotStarted(ProofbookError):  # noqa: N818 - a statement about an attempt
    """An attempt did not come to its job."""


class StrangeMachine(ProofbookError):  # noqa: N818 - a statement about a machine
    """An attempt came to a machine that joined the cluster after the attempt was sent out."""


def fault_of(error: Exception) -> Exception:
    """Return the fault that has cost an attempt, or the error itself where it is no machine's."""
    from ray.exceptions import RayError, RayTaskError

    if isinstance(error, RayTaskError):
        cause = error.cause
        if isinstance(cause, InfrastructureFault):
            return cause
        if not isinstance(cause, RayError):
            return cause if isinstance(cause, Exception) else error
        error = cause
    name = type(error).__name__
    return InfrastructureFault(_WORDS.get(name, f"{name}: {_first_line(error)}"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]
