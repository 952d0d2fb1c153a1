"""Choose who writes scripts: an endpoint that is set up, a small model here, or no model at all.

``SCRIPT_WRITER`` says who writes where there is no endpoint; empty takes the small model where it
is installed.
"""

from __future__ import annotations

from collections.abc import Sequence

from proofbook_subjects.pipeline.endpoints import Endpoint, find_endpoint
from proofbook_subjects.pipeline.errors import SettingsError
from proofbook_subjects.pipeline.settings import Project

__all__ = ["WRITERS", "choose_writer", "write_script"]

WRITERS = ("deterministic", "small_model")
"""Those that need no endpoint."""

Lines = list[dict[str, str]]


def choose_writer(project: Project) -> Endpoint | str:
    """Return the endpoint that writes, or which of ``WRITERS`` does.

    Raises:
        SettingsError: There is no such writer, or it is not installed.
    """
    from proofbook_subjects.pipeline.small_server import INSTALL, is_installed

    if endpoint := (find_endpoint(project, "OPENAI") or find_endpoint(project, "ANTHROPIC")):
        return endpoint
    asked = project.text("SCRIPT_WRITER").lower()
    if not asked:
        return "small_model" if is_installed(project) else "deterministic"
    if asked not in WRITERS:
        raise SettingsError(f"SCRIPT_WRITER={asked!r} is none of {', '.join(WRITERS)}")
    if asked == "small_model" and not is_installed(project):
        raise SettingsError(f"SCRIPT_WRITER=small_model, which is not installed: {INSTALL}")
    return asked


def write_script(
    project: Project, episode: str, topics: Sequence[str], count: int
) -> tuple[Lines, str]:
    """Return the lines, and who wrote them.

    Raises:
        PipelineError: The writer is not there, failed, or wrote no dialogue.
    """
    writer = choose_writer(project)
    if isinstance(writer, Endpoint):
        from proofbook_subjects.pipeline.chat import write_by_model

        return write_by_model(project, writer, topics, count)
    if writer == "small_model":
        from proofbook_subjects.pipeline.small_writer import write_by_small_model

        return write_by_small_model(project, topics, count)
    from proofbook_subjects.pipeline.writer import write_lines

    return write_lines(episode, topics, count), "deterministic"
