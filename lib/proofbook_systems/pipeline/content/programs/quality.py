"""How good speech sounds, as people would rate it, 1 to 5, by DNSMOS P.835.

The polynomial is the one that its authors publish with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["QualityModel"]

_RATE = 16_000
_LENGTH = int(9.01 * _RATE)
_OVERALL = (-0.06766283, 1.11546468, 0.04602535)


class QualityModel:
    """Rates speech; the same sound gives the same rating."""

    def __init__(self, files: Mapping[str, Path], threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            str(next(iter(files.values()))), options, providers=["CPUExecutionProvider"]
        )

    def rate(self, samples: npt.NDArray[np.float32]) -> float | None:
        """Return the overall score, a mean over windows of 9 s; None for an empty sound."""
        if not len(samples):
            return None
        repeated = np.tile(samples, max(1, -(-_LENGTH // len(samples))))
        last = max(1, len(repeated) - _LENGTH + 1) if len(samples) > _LENGTH else 1
        windows = [repeated[at : at + _LENGTH] for at in range(0, last, _RATE)]
        raw = [self._session.run(None, {"input_1": window[None]})[0][0] for window in windows]
        # The model gives signal, background, overall.
        return float(np.polyval(_OVERALL, np.mean(raw, axis=0)[2]))
