"""Is a resumed network in another mode? One without dropout draws no random numbers."""

from __future__ import annotations

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import difference
from proofbook_systems.training.evidence import Evidence
from proofbook_systems.training.roles import role_of
from proofbook_systems.training.states import can_read, read_states

__all__ = ["recognise_mode"]


def recognise_mode(evidence: Evidence) -> str | None:
    """Recognise random numbers that are, at the next checkpoint, where they were when resuming.

    After as many steps as were made before, those of a new training would be there, too.
    """
    as_new = evidence.at == 2 * evidence.resumed_at
    if as_new or "random numbers" not in evidence.states or not _stood_still(evidence):
        return None
    return (
        f"{evidence.start()}: no random numbers were drawn up to checkpoint {evidence.at}: the "
        "network is in another mode, without dropout"
    )


def _stood_still(evidence: Evidence) -> bool:
    """Say whether every state of random numbers that should have changed is the restored one."""
    restored = _restored(evidence)
    differing = evidence.states["random numbers"]
    known = [key for key in differing if key.partition(":")[2] in restored]
    return bool(known) and all(
        difference(evidence.ours[key], restored[key.partition(":")[2]]) is None for key in known
    )


def _restored(evidence: Evidence) -> dict[str, object]:
    """Return the states of random numbers in the checkpoint that was resumed from."""
    states: dict[str, object] = {}
    for checkpoint in evidence.control.checkpoints:
        if checkpoint.step != evidence.resumed_at:
            continue
        for path in filter(can_read, checkpoint.files):
            place = path.relative_to(checkpoint.path).as_posix()
            try:
                found = read_states(path)
            except SubjectError:
                continue  # of a format of its own: nothing of it can be compared
            states |= {key: value for key, value in found.items()
                       if role_of(place, key) == "random numbers"}  # fmt: skip
    return states
