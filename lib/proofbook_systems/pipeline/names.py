"""What fields, tables and columns are called: the usual names, and a project's own.

    names = Names.of({"line.text": "utterance"})
    names.get(document, "line.text", "")

The usual names of each are data. A project's own name, which may be a path such as ``meta.topics``,
is the only one that is looked for where it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from proofbook.errors import SubjectError

__all__ = ["USUAL_NAMES", "Names"]

USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "document.episode": ("episode", "episode_id"),
    "script.lines": (
        "lines", "script", "dialogue", "dialog", "scenes", "segments", "slides", "turns",
        "narration",
    ),
    "script.episode": ("episode", "episode_id", "id", "title", "timestamp"),
    "script.topics": (
        "topics", "trending_topics", "trends", "topic", "trend", "metadata.topics",
        "metadata.trending_topics", "metadata.trends", "metadata.topic", "metadata.trend",
    ),
    "line.character": ("character", "speaker", "role"),
    "line.text": (
        "text", "line", "dialogue", "content", "narration", "sentence", "utterance", "vo",
        "voiceover", "caption", "word",
    ),
    "line.emotion": ("emotion", "mood", "expression"),
    "timeline.lines": (
        "lines", "segments", "entries", "clips", "scenes", "cues", "captions", "subtitles",
        "chunks", "words", "slides",
    ),
    "timeline.episode": ("episode", "episode_id", "id", "title"),
    "timeline.total": ("total_duration", "total", "duration"),
    "placed.number": ("index", "line_index", "number"),
    "placed.audio": (
        "audio_file", "audio_path", "audio", "wav", "mp3", "voice_file", "file", "path",
    ),
    "placed.start": ("start_time", "start", "start_seconds", "begin", "start_ms"),
    "placed.duration": (
        "duration", "duration_seconds", "duration_s", "length", "duration_ms",
    ),
    "placed.end": ("end_time", "end", "end_seconds", "stop", "end_ms"),
    "selections.list": ("selections", "images", "scenes", "segments", "shots", "slides", "lines"),
    "selection.number": ("line_index", "index", "number"),
    "selection.image": (
        "image_path", "image_file", "visual.path", "image.path", "image", "picture", "frame",
        "path", "file",
    ),
    "selection.found": ("found",),
    "trends.table": ("trending_topics", "trends"),
    "trend.name": ("topic", "name", "title", "keyword", "query"),
    "trend.score": ("relevance_score", "score", "volume", "traffic"),
    "trend.at": ("timestamp", "fetched_at", "created_at", "date"),
    "trend.source": ("source",),
    "trend.used": ("used_flag", "used", "is_used"),
    "metrics.table": ("generation_metrics", "video_metadata", "video_metrics"),
    "metric.episode": ("episode", "episode_id", "video_id", "title"),
    "metric.at": ("timestamp", "created_at", "recorded_at", "generated_at"),
    "metric.film_seconds": ("video_duration", "video_seconds", "video_duration_seconds"),
    "metric.seconds": (
        "duration_seconds", "duration", "total_duration", "generation_time", "elapsed", "seconds",
    ),
    "metric.status": ("status", "state"),
    "metric.video": (
        "video_path", "video_file", "film_path", "final_video", "output_path", "output_file",
        "video", "file_path",
    ),
    "marks.table": ("episodes", "generated_episodes"),
    "mark.episode": ("episode", "episode_id", "video_id", "name", "id"),
    "mark.status": ("status", "state"),
    "mark.video": (
        "video_path", "video_file", "film_path", "final_video", "output_path", "output_file",
        "video", "file_path",
    ),
    "library.table": ("image_library", "images"),
    "library.path": ("file_path", "path", "image_path", "file"),
    "library.character": ("character",),
    "library.emotion": ("emotion",),
    "library.usage": ("usage_count", "uses", "used_count"),
}  # fmt: skip
"""Canonical name to the names that are looked for, the likeliest first."""


@dataclass(frozen=True)
class Names:
    """The names of one project."""

    own: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, own: Mapping[str, str]) -> Names:
        """Return the names of a project that calls some things otherwise.

        Raises:
            SubjectError: It renames what nobody asks for.
        """
        if unknown := [name for name in own if name not in USUAL_NAMES]:
            raise SubjectError(
                f"names has {unknown[0]!r}, which nothing asks for; there are "
                f"{', '.join(USUAL_NAMES)}"
            )
        return cls(own)

    def candidates(self, canonical: str) -> tuple[str, ...]:
        """Return the names that are looked for."""
        return (self.own[canonical],) if canonical in self.own else USUAL_NAMES[canonical]

    def find(self, names: Collection[str], canonical: str) -> str | None:
        """Return which of some names stands for ``canonical``; None where none does."""
        spelled = {_plain(name): name for name in reversed([*names])}
        for name in self.candidates(canonical):
            if name in names or (name := spelled.get(_plain(name), "")):
                return name
        return None

    def has(self, document: Mapping[str, Any], canonical: str) -> bool:
        """Say whether a document has the field."""
        return bool(self.key(document, canonical))

    def key(self, document: Mapping[str, Any], canonical: str) -> str:
        """Return what a document calls the field; empty where it has none."""
        found = (_path_in(document, name) for name in self.candidates(canonical))
        return next((path for path in found if path), "")

    def get(self, document: Mapping[str, Any], canonical: str, otherwise: Any = None) -> Any:
        """Return a document's field, or ``otherwise`` where it has none."""
        key = self.key(document, canonical)
        return _get(document, key) if key else otherwise


def _path_in(document: Any, path: str) -> str:
    """Return the path as the document spells it, ``audioFile`` for ``audio_file``; or nothing."""
    if not isinstance(document, Mapping):
        return ""
    first, _, rest = path.partition(".")
    spelled = first if first in document else _spelled(document, first)
    if not spelled or not rest:
        return spelled
    inner = _path_in(document[spelled], rest)
    return f"{spelled}.{inner}" if inner else ""


def _spelled(document: Mapping[str, Any], name: str) -> str:
    plain = _plain(name)
    return next((key for key in document if isinstance(key, str) and _plain(key) == plain), "")


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").casefold()


def _get(document: Mapping[str, Any], path: str) -> Any:
    first, _, rest = path.partition(".")
    return _get(document[first], rest) if rest else document[first]
