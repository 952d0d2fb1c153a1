"""What every test of the checks may use."""

from __future__ import annotations

from typing import Any

import IPython.core.getipython
import IPython.display
import pytest


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The mime bundles that are displayed, as if this were a notebook."""
    bundles: list[dict[str, str]] = []

    def display(bundle: dict[str, str], raw: bool = False) -> None:
        assert raw
        bundles.append(bundle)

    def get_ipython() -> Any:
        return object()

    monkeypatch.setattr(IPython.core.getipython, "get_ipython", get_ipython)
    monkeypatch.setattr(IPython.display, "display", display)
    return bundles
