"""What a reel may be: the checks of a video and its caption before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.errors import InputError

__all__ = ["check_caption", "check_reel"]

_SECONDS, _MEGABYTES = 90.0, 100
_CAPTION, _HASHTAGS = 2200, 30
_ASPECT = 9 / 16


def check_caption(caption: str) -> None:
    """Refuse a caption that the platform would refuse.

    Raises:
        InputError: It is empty, too long, or has too many hashtags.
    """
    if not caption.strip():
        raise InputError("the caption is empty")
    if len(caption) > _CAPTION:
        raise InputError(f"the caption has {len(caption)} characters; at most {_CAPTION} are taken")
    tags = len(re.findall(r"(?<!\w)#\w+", caption))
    if tags > _HASHTAGS:
        raise InputError(f"the caption has {tags} hashtags; at most {_HASHTAGS} are taken")


def check_reel(path: Path) -> float:
    """Return a reel's seconds, having read its sound and pictures to the end.

    Raises:
        InputError: It is no video, or one that the platform would refuse.
    """
    import av

    size = path.stat().st_size
    if size > _MEGABYTES * 1_000_000:
        raise InputError(f"{path} has {size / 1e6:.0f} MB; at most {_MEGABYTES} are taken")
    try:
        with av.open(str(path)) as container:
            _check_streams(container, path)
            packets = [packet for packet in container.demux() if packet.size]
            seconds = (container.duration or 0) / av.time_base
        _check_whole(path, packets, seconds)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path} is no video that can be read: {error}") from error
    if not 1 <= seconds <= _SECONDS:
        raise InputError(f"{path} lasts {seconds:.1f} s; a reel has 1 to {_SECONDS:g} s")
    return seconds


def _check_streams(container: Any, path: Path) -> None:
    if not container.streams.video or not container.streams.audio:
        missing = "pictures" if not container.streams.video else "sound"
        raise InputError(f"{path} has no {missing}")
    video, audio = container.streams.video[0].codec_context, container.streams.audio[0]
    if video.name != "h264" or audio.codec_context.name != "aac":
        raise InputError(
            f"{path} is {video.name} and {audio.codec_context.name}; expected h264 and aac"
        )
    if not video.height or abs(video.width / video.height - _ASPECT) > 0.01:
        raise InputError(f"{path} has {video.width}x{video.height} pixels; expected 9:16")


def _check_whole(path: Path, packets: list[Any], seconds: float) -> None:
    ends = [
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in packets
        if packet.pts is not None
    ]
    if not ends or max(ends) < seconds - 0.5:
        raise InputError(
            f"{path} is cut off: it holds {max(ends, default=0):.1f} of {seconds:.1f} s"
        )
