"""Ask the models in a process of their own, once for all questions."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from proofbook.processes import run
from proofbook_systems.pipeline.content.sounds import Answer, Request
from proofbook_systems.pipeline.content.weights import WEIGHTS, lack

__all__ = ["absent_models", "ask_models"]

_PROGRAM = "proofbook_systems.pipeline.content.programs.answering"
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
}
"""CPU alone: the same numbers on each machine, and the GPU stays with the subject."""


def absent_models() -> dict[str, str]:
    """Return which models are not installed, and what brings them, without loading any."""
    reasons = {kind: lack(weights) for kind, weights in WEIGHTS.items()}
    return {kind: reason for kind, reason in reasons.items() if reason}


def ask_models(request: Request, *, timeout: float) -> Answer:
    """Return what the models say; where their process fails, all are absent, with the reason."""
    threads = str(request.threads)
    limited = {f"{name}_NUM_THREADS": threads for name in ("OMP", "MKL", "OPENBLAS")}
    with tempfile.TemporaryDirectory(prefix="proofbook-content-") as folder:
        asked, answered = Path(folder, "request.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(request.to_json(), default=str), encoding="utf-8")
        ended = run(
            [sys.executable, "-m", _PROGRAM, asked, answered], timeout=timeout,
            name="the models of the extra 'real'", env={**os.environ, **limited, **_QUIET},
        )  # fmt: skip
        if ended.code == 0 and answered.is_file():
            return Answer.from_json(json.loads(answered.read_text(encoding="utf-8")))
    last = (ended.output.strip().splitlines() or ["it printed nothing"])[-1]
    reason = f"the models' process {ended.words}: {last[:300]}"
    return Answer(absent=dict.fromkeys(WEIGHTS, reason))
