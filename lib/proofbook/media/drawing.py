"""Draw sound: a waveform and a spectrogram, on scales that never depend on the clip.

The waveform always spans -1 to 1 and the spectrogram -120 to 0 dBFS, so that two pictures can be
compared by eye. Both are PNG, 900 by 160 pixels. Knows nothing about files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from proofbook.media.levels import as_frames
from proofbook.media.plots import render_png

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Samples = npt.NDArray[np.floating[Any]]

__all__ = [
    "CEILING_DBFS",
    "FLOOR_DBFS",
    "Spectrogram",
    "draw_spectrogram",
    "draw_waveform",
    "measure_spectrogram",
    "trace_envelope",
]

FLOOR_DBFS, CEILING_DBFS = -120.0, 0.0
_WIDTH, _HEIGHT, _DPI = 900, 160, 100
_COLUMNS, _ROWS = 420, 96
_WINDOW = 2048
_WINDOWS_A_COLUMN = 8
_LOWEST_HZ = 40.0
_STEPS = 60
_EDGE = 0.98
"""Part of the axis beyond which the text below a tick would leave the picture."""
_WAVE, _INK = "#3f74b5", "#7d8590"
_TICKS_HZ = ((100, "100"), (1000, "1k"), (4000, "4k"), (10_000, "10k"))


class Spectrogram(NamedTuple):
    """Levels over time and frequency."""

    levels: npt.NDArray[np.float64]
    """dBFS, shape (rows, columns), low frequencies first; a full-scale sine reaches 0."""
    frequencies: npt.NDArray[np.float64]
    """Hz, the centre of each row, spaced logarithmically."""


def draw_waveform(samples: Samples, rate: int) -> bytes:
    """Draw the envelope of all channels, from -1 to 1 whatever the clip's level."""
    import numpy as np

    frames = as_frames(samples)
    low, high = trace_envelope(frames, _WIDTH)
    seconds = max(len(frames) / rate, 1e-9)
    figure, axes = _make_axes(seconds)
    times = np.linspace(0, seconds, len(low))
    axes.axhline(0, color=_INK, linewidth=0.5)
    axes.fill_between(times, low, high, color=_WAVE, linewidth=0.6)
    axes.set_ylim(-1, 1)
    axes.set_yticks([-1, 0, 1])
    return render_png(figure, dpi=_DPI, transparent=True)


def draw_spectrogram(samples: Samples, rate: int) -> bytes:
    """Draw levels over time and logarithmic frequency, from -120 to 0 dBFS whatever the clip."""
    frames = as_frames(samples)
    spectrogram = measure_spectrogram(frames, rate)
    seconds = max(len(frames) / rate, 1e-9)
    figure, axes = _make_axes(seconds)
    from matplotlib import colormaps

    axes.imshow(
        spectrogram.levels,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0, seconds, 0, _ROWS),
        cmap=colormaps["magma"].resampled(_STEPS),
        vmin=FLOOR_DBFS,
        vmax=CEILING_DBFS,
    )
    _mark_frequencies(axes, spectrogram.frequencies)
    return render_png(figure, dpi=_DPI, transparent=True)


def trace_envelope(
    frames: Samples, columns: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return least and greatest sample of each pixel column, over all channels.

    Samples that are not finite are taken as 0, what lies beyond full scale as full scale.
    """
    import numpy as np

    if len(frames) == 0:
        return np.zeros(2), np.zeros(2)
    starts = np.unique(np.linspace(0, len(frames), columns, endpoint=False).astype(np.int64))
    low = np.minimum.reduceat(_clean(frames.min(axis=1)), starts)
    high = np.maximum.reduceat(_clean(frames.max(axis=1)), starts)
    return np.clip(low, -1, 1).astype(np.float64), np.clip(high, -1, 1).astype(np.float64)


def measure_spectrogram(frames: Samples, rate: int) -> Spectrogram:
    """Return the levels of the mean of all channels.

    A long clip is sampled: at most eight windows a column are taken, evenly spaced.
    """
    import numpy as np

    mono = _clean(frames.mean(axis=1, dtype=np.float64)) if len(frames) else np.zeros(1)
    mono = np.pad(mono, _WINDOW // 2)
    power = np.stack([_mean_power(mono, start) for start in _column_starts(len(mono))], axis=1)
    frequencies = np.geomspace(_LOWEST_HZ, max(rate / 2, 2 * _LOWEST_HZ), _ROWS)
    levels = 10 * np.log10(np.maximum(_rows(power, frequencies, rate), 1e-30))
    return Spectrogram(np.clip(levels, FLOOR_DBFS, CEILING_DBFS), frequencies)


def _column_starts(length: int) -> list[npt.NDArray[np.int64]]:
    """Return, for each column, where its windows start."""
    import numpy as np

    last = length - _WINDOW
    hop = max(_WINDOW // 4, 1)
    windows = int(min(max(last // hop, 1) + 1, _COLUMNS * _WINDOWS_A_COLUMN))
    starts = np.linspace(0, last, windows).astype(np.int64)
    columns = min(_COLUMNS, windows)
    return [starts[i * windows // columns : (i + 1) * windows // columns] for i in range(columns)]


def _mean_power(mono: npt.NDArray[np.float64], starts: npt.NDArray[np.int64]) -> Any:
    import numpy as np

    window = np.hanning(_WINDOW)
    blocks = mono[starts[:, None] + np.arange(_WINDOW)] * window
    amplitude = np.abs(np.fft.rfft(blocks, axis=1)) * (2 / window.sum())
    return np.mean(np.square(amplitude), axis=0)


def _rows(
    power: npt.NDArray[np.float64], frequencies: npt.NDArray[np.float64], rate: int
) -> npt.NDArray[np.float64]:
    """Take the strongest bin of each row's band, or the nearest where bands are narrow."""
    import numpy as np

    ratio = np.sqrt(frequencies[1] / frequencies[0])
    bins = len(power) - 1
    to_bin = _WINDOW / rate
    first = np.clip(np.round(frequencies / ratio * to_bin), 0, bins).astype(np.int64)
    last = np.clip(np.round(frequencies * ratio * to_bin), first, bins).astype(np.int64)
    return np.stack([power[a : b + 1].max(axis=0) for a, b in zip(first, last, strict=True)])


def _clean(values: Any) -> Any:
    import numpy as np

    return np.where(np.isfinite(values), values, 0)


def _make_axes(seconds: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI)
    axes = figure.add_axes((0.04, 0.16, 0.95, 0.8))
    axes.set_xlim(0, seconds)
    ticks = [float(each) for each in axes.get_xticks() if 0 <= each <= seconds]
    axes.set_xticks(ticks)
    if ticks[-1] > _EDGE * seconds:
        axes.get_xticklabels()[-1].set_horizontalalignment("right")
    axes.tick_params(colors=_INK, labelsize=7, length=2, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _mark_frequencies(axes: Axes, frequencies: npt.NDArray[np.float64]) -> None:
    import numpy as np

    shown = [(hz, word) for hz, word in _TICKS_HZ if hz < frequencies[-1]]
    rows = np.arange(_ROWS) + 0.5
    places = np.interp(np.log([hz for hz, _ in shown]), np.log(frequencies), rows)
    axes.set_yticks(places, [word for _, word in shown])
