"""The project that ``reference:<name>`` names in the speech server's runbooks."""

from __future__ import annotations

from proofbook.subjects import Makers
from proofbook_subjects.ttsserver.project import prepare_project

__all__ = ["PROJECTS"]

PROJECTS: Makers = {"voicebox": prepare_project}
"""Folders of sources, ready to be built."""
