"""The versioned records that everything else reads and writes.

A job's ``records.jsonl`` holds one record a line, appended as it was made: ``begin``, then
``identity``, ``check``, ``metric``, ``evidence``, ``output``, ``question`` and ``fault`` in any
order, then ``finish``. ``outcome.json`` holds an :class:`Outcome`, ``run.json`` a
:class:`RunInfo`. Knows nothing about notebooks, kernels or reports.
"""

from proofbook.records.base import now, seconds_between
from proofbook.records.journal import (
    AnyRecord,
    Begin,
    Check,
    CheckStatus,
    Evidence,
    Fact,
    Fault,
    Finish,
    Identity,
    Label,
    MediaFile,
    Metric,
    Output,
    PathContent,
    Question,
    QuestionForm,
    QuestionStatus,
    parse_record,
)
from proofbook.records.run import (
    Attempt,
    CellState,
    CellStatus,
    Failure,
    Node,
    Outcome,
    OutcomeStatus,
    PlannedJob,
    Resumption,
    RunInfo,
    Verdict,
)

__all__ = [
    "AnyRecord",
    "Attempt",
    "Begin",
    "CellState",
    "CellStatus",
    "Check",
    "CheckStatus",
    "Evidence",
    "Fact",
    "Failure",
    "Fault",
    "Finish",
    "Identity",
    "Label",
    "MediaFile",
    "Metric",
    "Node",
    "Outcome",
    "OutcomeStatus",
    "Output",
    "PathContent",
    "PlannedJob",
    "Question",
    "QuestionForm",
    "QuestionStatus",
    "Resumption",
    "RunInfo",
    "Verdict",
    "now",
    "parse_record",
    "seconds_between",
]
