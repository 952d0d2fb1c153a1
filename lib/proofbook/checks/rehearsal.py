"""Do once what every runbook's first check does: patterns, schemas, and what the variables hide.

A forkserver rehearses after its imports, and kernels that are forked from it need not do that
again. Nothing is written, displayed or hooked. Knows nothing about forkservers.
"""

from __future__ import annotations

import json
import os

from proofbook.checks.display import check_html, summary_html
from proofbook.checks.evaluation import evaluate_check
from proofbook.records import Begin, Finish
from proofbook.runs.record_redaction import redact_record
from proofbook.runs.redaction import Redactor

__all__ = ["rehearse"]


def rehearse() -> None:
    """Make the records and the texts of a runbook with one check, and drop them."""
    redact = Redactor({})
    redact.learn(os.environ.items())
    check = evaluate_check("rehearsal", True, True, why="", unit="")
    begin = Begin(runbook="rehearsal", parameters={"number": 1})
    for record in (begin, check, Finish(counts={"check": 1})):
        json.dumps(redact_record(redact, record), ensure_ascii=False, separators=(",", ":"))
    for markup in (check_html(check), summary_html("rehearsal", [check])):
        redact(markup)
