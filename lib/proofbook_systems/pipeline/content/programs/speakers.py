"""Who speaks in a sound, as a vector of length 1, by Resemblyzer's speaker encoder (GE2E).

The network and its input are written anew from their published description: three LSTM layers over
40 mel bands of 25 ms windows each 10 ms, and the mean over windows of 1.6 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

__all__ = ["SpeakerModel", "voiced"]

RATE = 16_000
_WINDOW, _HOP, _BANDS = 400, 160, 40
_PART, _STEP = 160, 77
"""Frames of a part, and from one part to the next: 1.3 parts a second."""
_LEAST_COVERED = 0.75
_TARGET_DBFS = -30.0
_FRAME = 480
_BELOW_LOUDEST = 35.0
"""dB below the loudest frame from where on a frame counts as a pause."""
_PAUSE = 6
"""Frames of 30 ms that a pause keeps."""


class SpeakerModel:
    """Embeds voices; the same sound gives the same vector."""

    def __init__(self, files: Mapping[str, Path], threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        saved = torch.load(next(iter(files.values())), map_location="cpu", weights_only=True)
        state = saved["model_state"]
        self._lstm = torch.nn.LSTM(_BANDS, 256, 3, batch_first=True)
        self._linear = torch.nn.Linear(256, 256)
        self._lstm.load_state_dict(_below(state, "lstm."))
        self._linear.load_state_dict(_below(state, "linear."))
        self._filters = _mel_filters()

    def embed(self, samples: Samples) -> list[float]:
        """Return the voice of a sound; empty where nobody is heard."""
        import torch

        speech = voiced(samples)
        if len(speech) < _WINDOW:
            return []
        parts = torch.from_numpy(_parts(self._mel(speech)))
        with torch.inference_mode():
            _, (hidden, _) = self._lstm(parts)
            raw = torch.relu(self._linear(hidden[-1]))
            unit = raw / raw.norm(dim=1, keepdim=True).clamp_min(1e-9)
            mean = unit.mean(dim=0)
            return [float(x) for x in mean / mean.norm().clamp_min(1e-9)]

    def _mel(self, samples: Samples) -> npt.NDArray[np.float32]:
        """Return the power in each mel band, shape (frames, bands)."""
        padded = np.pad(samples, _WINDOW // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
        window = np.hanning(_WINDOW + 1)[:-1]
        power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
        return (power @ self._filters.T).astype(np.float32)


def voiced(samples: Samples) -> Samples:
    """Return a sound at the level that the encoder was trained at, its long pauses shortened."""
    count = len(samples) // _FRAME
    if not count:
        return samples[:0]
    frames = samples[: count * _FRAME].reshape(count, _FRAME).astype(np.float64)
    energy = (frames**2).mean(axis=1)
    if energy.max() <= 1e-12:
        return samples[:0]
    loud = energy > energy.max() * 10 ** (-_BELOW_LOUDEST / 10)
    near = np.convolve(loud, np.ones(_PAUSE + 1), mode="same") > 0
    kept = frames[near].ravel()
    gain = 10 ** (_TARGET_DBFS / 20) / max(float(np.sqrt((kept**2).mean())), 1e-9)
    return (kept * max(gain, 1.0)).astype(np.float32)


def _parts(mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cut into parts of 1.6 s; the last one counts where most of it is there."""
    starts = list(range(0, max(1, len(mel) - _PART + _STEP + 1), _STEP))
    while len(starts) > 1 and len(mel) - starts[-1] < _LEAST_COVERED * _PART:
        starts.pop()
    padded = np.pad(mel, ((0, max(0, starts[-1] + _PART - len(mel))), (0, 0)))
    return np.stack([padded[start : start + _PART] for start in starts])


def _below(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}


def _mel_filters() -> npt.NDArray[np.float64]:
    """Return triangles of equal area on Slaney's mel scale, shape (bands, frequencies)."""
    edges = _to_hertz(np.linspace(0.0, _to_mel(RATE / 2), _BANDS + 2))
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (upper - lower)


_LINEAR, _KNEE, _LOG = 200.0 / 3, 1000.0, np.log(6.4) / 27.0
"""Slaney's scale: linear below 1 kHz, logarithmic above."""


def _to_mel(hertz: float) -> float:
    if hertz < _KNEE:
        return hertz / _LINEAR
    return float(_KNEE / _LINEAR + np.log(hertz / _KNEE) / _LOG)


def _to_hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    knee = _KNEE / _LINEAR
    above = _KNEE * np.exp(_LOG * (np.maximum(mel, knee) - knee))
    return np.where(mel < knee, mel * _LINEAR, above)
