"""Judge audiocraft's checkpoints without known outputs: all that can be shown from them alone.

What a right model may have, trained or not, is no finding. What rests on how training usually ends
is told and not judged. Where two tensors of one shape changed places, nothing here can know.
"""

from proofbook_systems.musicgen.audit.claims import Claim, audit_checkpoints, told_outliers
from proofbook_systems.musicgen.audit.computed import Computed, audit_network
from proofbook_systems.musicgen.audit.configured import find_unbuildable

__all__ = [
    "Claim",
    "Computed",
    "audit_checkpoints",
    "audit_network",
    "find_unbuildable",
    "told_outliers",
]
