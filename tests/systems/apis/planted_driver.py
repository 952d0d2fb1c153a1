"""All clients with a planted defect in one process; a request's options name the defect."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from planted_clients import DEFECTS, plant

_clients: dict[str, dict[str, Any]] = {}


def run(request: dict[str, Any]) -> Any:
    """Have the client with the defect answer."""
    name = request["options"].pop("defect")
    if name not in _clients:
        _clients[name] = {"__name__": name}
        exec(compile(plant(DEFECTS[name]), name, "exec"), _clients[name])
    return _clients[name]["run"](request)
