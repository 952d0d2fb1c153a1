"""Media that a person can hear, see or read: measured, drawn, and ready to be kept as evidence.

One module a kind; each gives a constructor that returns a :class:`Media`. Knows nothing about
checks, runs or notebooks.
"""

from proofbook.media.charts import draw_bars, draw_lines
from proofbook.media.images import image, measure_image
from proofbook.media.levels import AudioMeasure, find_silence, measure_audio
from proofbook.media.media import Media
from proofbook.media.plots import plot
from proofbook.media.sounds import Clip, audio, read_audio
from proofbook.media.texts import text
from proofbook.media.videos import VideoMeasure, measure_video, video

__all__ = [
    "AudioMeasure",
    "Clip",
    "Media",
    "VideoMeasure",
    "audio",
    "draw_bars",
    "draw_lines",
    "find_silence",
    "image",
    "measure_audio",
    "measure_image",
    "measure_video",
    "plot",
    "read_audio",
    "text",
    "video",
]
