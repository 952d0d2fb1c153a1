"""What stops a command, as one line and an exit code.

PipelineError (1: some of the work could not be done)
├── InputError (2: an argument, a path or a file that cannot be used)
├── SettingsError (3: a key, a package or a folder that is missing)
├── ServiceError (4: an endpoint refused, failed or answered nonsense)
├── StoreError (5: a database is locked, corrupt or of another version)
├── MediaError (6: audio, an image or a video that cannot be read or made)
└── StorageError (7: the disk is full, or a file cannot be written)
"""

from __future__ import annotations

__all__ = [
    "InputError",
    "MediaError",
    "PipelineError",
    "ServiceError",
    "SettingsError",
    "StorageError",
    "StoreError",
]


class PipelineError(Exception):
    """The base of all; its text is what the command prints."""

    exit_code = 1


class InputError(PipelineError):
    """Something that a person gave cannot be used."""

    exit_code = 2


class SettingsError(PipelineError):
    """The environment lacks something that this command needs."""

    exit_code = 3


class ServiceError(PipelineError):
    """An endpoint did not do what was asked."""

    exit_code = 4

    def __init__(
        self, text: str, *, status: int = 0, retry_after: float | None = None, body: bytes = b""
    ) -> None:
        super().__init__(text)
        self.body = body
        """What was answered."""
        self.status = status
        """The HTTP status; 0 where there was no answer."""
        self.retry_after = retry_after
        """Seconds that the endpoint asked to wait."""


class StoreError(PipelineError):
    """A database cannot be used."""

    exit_code = 5


class MediaError(PipelineError):
    """A media file cannot be read or made."""

    exit_code = 6


class StorageError(PipelineError):
    """A file cannot be written."""

    exit_code = 7
