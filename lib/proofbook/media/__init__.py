"""Media that a person can hear, see or read: measured, drawn, and ready to be kept as evidence.

One module a kind; each gives a constructor that returns a :class:`Media`. Knows nothing about
checks, runs or notebooks.
"""

from proofbook.media.audio_faults import (
    AudioCheck,
    AudioFault,
    AudioLimits,
    ExpectedAudio,
    find_audio_faults,
    group_audio_faults,
)
from proofbook.media.charts import draw_bars, draw_lines
from proofbook.media.images import image, measure_image
from proofbook.media.levels import AudioMeasure, find_silence, measure_audio
from proofbook.media.media import Media
from proofbook.media.plots import plot
from proofbook.media.sounds import Clip, audio, read_audio
from proofbook.media.texts import text
from proofbook.media.videos import VideoMeasure, measure_video, read_sound_track, video

__all__ = [
    "AudioCheck",
    "AudioFault",
    "AudioLimits",
    "AudioMeasure",
    "Clip",
    "ExpectedAudio",
    "Media",
    "VideoMeasure",
    "audio",
    "draw_bars",
    "draw_lines",
    "find_audio_faults",
    "find_silence",
    "group_audio_faults",
    "image",
    "measure_audio",
    "measure_image",
    "measure_video",
    "plot",
    "read_audio",
    "read_sound_track",
    "text",
    "video",
]
