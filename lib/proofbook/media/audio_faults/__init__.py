"""Judge a sound as a listener would: what is wrong, on which channel, where, and by how much.

One module a kind of defect. Pure: samples in, findings out. Knows nothing about files, notebooks or
who made the sound.
"""

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits, ExpectedAudio
from proofbook.media.audio_faults.grouping import AudioCheck, group_audio_faults
from proofbook.media.audio_faults.judging import find_audio_faults

__all__ = [
    "AudioCheck",
    "AudioFault",
    "AudioLimits",
    "ExpectedAudio",
    "find_audio_faults",
    "group_audio_faults",
]
