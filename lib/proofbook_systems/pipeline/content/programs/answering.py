"""The process that holds the models: reads a request, asks them, writes the answer, ends.

    python -m proofbook_systems.pipeline.content.programs.answering REQUEST ANSWER

A process of its own keeps the models' memory and threads out of the notebook, and their crash an
answer that is missing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.content.programs.waves import RATE, asked_samples
from proofbook_systems.pipeline.content.sounds import Observed, Question, Request
from proofbook_systems.pipeline.content.weights import WEIGHTS, installed, lack

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

__all__ = ["answer_request", "main"]


def main(arguments: list[str]) -> int:
    """Answer the request in one file into another."""
    request = Request.from_json(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    answer = answer_request(request)
    Path(arguments[1]).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def answer_request(request: Request) -> dict[str, Any]:
    """Load what is asked for, ask it, and return the answer as plain data."""
    started = time.perf_counter()
    wanted = {kind for question in request.questions for kind in question.wants}
    wanted |= {"sentences"} if request.sentences else set()
    models, absent = _load(wanted, request.threads)
    sounds = {each.name: asdict(_observe(each, models)) for each in request.questions}
    meanings: list[list[float]] = []
    if request.sentences and "sentences" in models:
        meanings = models["sentences"].embed(request.sentences)
    return {
        "sounds": sounds,
        "meanings": meanings,
        "absent": absent,
        "told": [WEIGHTS[kind].told for kind in models],
        "seconds": time.perf_counter() - started,
        "memory_mb": _most_memory(),
    }


def _load(wanted: set[str], threads: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the models, and why others are not there."""
    models: dict[str, Any] = {}
    absent = {}
    for kind in (kind for kind in WEIGHTS if kind in wanted):
        weights = WEIGHTS[kind]
        if reason := lack(weights):
            absent[kind] = reason
            continue
        try:
            models[kind] = _reader(kind)(installed(weights), threads)
        except (SubjectError, ImportError, OSError, RuntimeError, ValueError, KeyError) as error:
            absent[kind] = f"{weights.name} cannot be loaded: {type(error).__name__}: {error}"
    return models, absent


def _reader(kind: str) -> Callable[[Any, int], Any]:
    from proofbook_systems.pipeline.content.programs import quality, sentences, speakers, speech

    return {
        "speech": speech.SpeechModel,
        "speakers": speakers.SpeakerModel,
        "sentences": sentences.SentenceModel,
        "quality": quality.QualityModel,
    }[kind]


def _observe(question: Question, models: dict[str, Any]) -> Observed:
    from proofbook_systems.pipeline.content.programs.speakers import voiced

    try:
        samples = asked_samples(question)
    except SubjectError as error:
        return Observed(error=str(error))
    seen = Observed(seconds=len(samples) / RATE, speech_seconds=len(voiced(samples)) / RATE)
    if not len(samples):
        return seen
    if "speech" in question.wants and "speech" in models:
        seen = _hear(seen, question, models["speech"], samples)
    if "speakers" in question.wants and "speakers" in models:
        seen = replace(seen, voice=tuple(models["speakers"].embed(samples)))
    if "quality" in question.wants and "quality" in models:
        seen = replace(seen, rating=models["quality"].rate(samples))
    return seen


def _hear(seen: Observed, question: Question, model: Any, samples: Samples) -> Observed:
    transcript, fits, own = model.hear(samples, question.texts)
    totals, tokens = tuple(total for total, _ in fits), tuple(count for _, count in fits)
    return replace(seen, transcript=transcript, totals=totals, tokens=tokens, heard_total=own)


def _most_memory() -> float:
    try:
        import resource
    except ImportError:
        return 0.0
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
