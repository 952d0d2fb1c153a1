"""What is said in a sound, by Whisper tiny.en: the words heard, and how well given words fit.

To score a given text asks less of a small model than to find the words: a voice that is hard to
transcribe still fits its own line far better than another. It hears English alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

__all__ = ["MOST_SECONDS", "Fit", "SpeechModel"]

Fit = tuple[float, int]
"""Logarithm of a text's probability, and the count of its tokens."""

MOST_SECONDS = 29.0
"""Of a sound that a text can be scored on: Whisper looks at 30 s at a time."""
_RATE = 16_000
_FRAMES = 3000
_HOP = 160
_BEAMS = 5
_LEAST = 1e-6


class SpeechModel:
    """Hears; the same sound gives the same words and scores."""

    def __init__(self, files: Mapping[str, Path], threads: int) -> None:
        from faster_whisper import WhisperModel

        folder = next(iter(files.values())).parent
        self._whisper: Any = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1,
            local_files_only=True,
        )  # fmt: skip
        self._tokenizer: Any = self._whisper.hf_tokenizer
        self._start = self._tokenizer.token_to_id("<|startoftranscript|>")
        self._plain = self._tokenizer.token_to_id("<|notimestamps|>")

    def hear(self, samples: Samples, texts: Sequence[str]) -> tuple[str, list[Fit], float | None]:
        """Return the words that are heard, how well each text fits, and how well these words do.

        A fit is the logarithm of the text's probability, and the count of its tokens; there are
        none where the sound is longer than 29 s.
        """
        if len(samples) > MOST_SECONDS * _RATE:
            return self._transcribe_long(samples), [], None
        features = self._whisper.feature_extractor(samples)[:, :_FRAMES]
        padded = np.pad(features, ((0, 0), (0, _FRAMES - features.shape[1])))
        encoded = self._whisper.encode(padded)
        frames = max(1, min(_FRAMES, len(samples) // _HOP))
        heard = self._transcribe(encoded)
        own = self._fit(encoded, frames, heard)[0] if heard else None
        return heard, [self._fit(encoded, frames, text) for text in texts], own

    def _transcribe(self, encoded: Any) -> str:
        prompt = [self._start, self._plain]
        best = self._whisper.model.generate(encoded, [prompt], beam_size=_BEAMS)[0]
        return str(self._tokenizer.decode(best.sequences_ids[0])).strip()

    def _transcribe_long(self, samples: Samples) -> str:
        # One temperature: the others are drawn at random. Each part by itself: what was heard
        # before would lead a quiet part on.
        parts, _ = self._whisper.transcribe(
            samples, language="en", beam_size=_BEAMS, temperature=0.0, without_timestamps=True,
            condition_on_previous_text=False, vad_filter=False,
        )  # fmt: skip
        return " ".join(part.text.strip() for part in parts).strip()

    def _fit(self, encoded: Any, frames: int, text: str) -> Fit:
        ids = self._tokenizer.encode(f" {text}", add_special_tokens=False).ids
        found = self._whisper.model.align(encoded, [self._start], [ids], [frames])[0]
        logs = [math.log(max(p, _LEAST)) for p in found.text_token_probs]
        return sum(logs), len(logs)
