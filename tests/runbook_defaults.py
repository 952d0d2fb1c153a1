"""The parameters of a shipped runbook as its cell declares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proofbook.configs import find_config
from proofbook.notebooks import read_runbook

RUNBOOKS = Path(__file__).resolve().parents[1] / "runbooks"


def config_of(name: str, **changes: object) -> Any:
    """Return the config of ``<system>/<name>`` with its defaults, some of them changed."""
    model = find_config(name)
    assert model is not None, f"{name} has no config model"
    parameters = read_runbook(RUNBOOKS / f"{name}.ipynb", name).parameters.values()
    return model(**{p.name: p.default for p in parameters if not p.required} | changes)
