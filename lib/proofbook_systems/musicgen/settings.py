"""Join what a runbook's parameters say with what the environment says.

The switches of the teams' own scripts are honoured: ``APPLY_PROPOSED`` and ``FORCE_CPU_COMP``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from proofbook_systems.musicgen.config import KeyMappingConfig, MappingSettings
from proofbook_systems.musicgen.keymap import Options, read_mapping

__all__ = ["log_name", "mapping_options", "switch"]

_ON = {"1", "true", "yes", "on"}


def switch(
    value: str, variable: str, *, default: bool = True, environ: Mapping[str, str] | None = None
) -> bool:
    """Return what ``value`` says: ``yes``, ``no``, or ``auto`` for what ``variable`` says."""
    if value != "auto":
        return value == "yes"
    text = (os.environ if environ is None else environ).get(variable, "").strip().lower()
    return text in _ON if text else default


def mapping_options(
    config: MappingSettings, *, environ: Mapping[str, str] | None = None
) -> Options:
    """Return how keys are to be aligned.

    Raises:
        SubjectError: The mapping file cannot be read.
    """
    mapping = read_mapping(Path(config.apply_mapping)) if config.apply_mapping else {}
    return Options(
        threshold=config.proposed_threshold,
        apply_proposed=switch(config.apply_proposed, "APPLY_PROPOSED", environ=environ),
        mapping=mapping,
        allow_unfilled=tuple(config.allow_unfilled),
        allow_unused=tuple(config.allow_unused),
    )


def log_name(config: KeyMappingConfig) -> str:
    """Return the log's name as the teams' scripts have it, by what is asked for."""
    if config.dry_run:
        return "large_dryrun.log"
    return "large_applymap_save.log" if config.save_applied else "large_applymap.log"
