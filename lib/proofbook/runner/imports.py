"""Import papermill without a second of waiting for what no notebook needs.

Papermill's readers import jsonschema, which imports a parser of internationalised addresses where
there is one; that parser compiles its grammar for a second, on every import. The notebook schema
has no such address in it.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["importing_papermill"]

_SLOW = "rfc3987_syntax"


@contextmanager
def importing_papermill() -> Iterator[None]:
    """Import papermill and its engine while the block runs; they are loaded when it ends."""
    thread = threading.Thread(target=_import, name="import-papermill", daemon=True)
    thread.start()
    yield
    thread.join()


def _import() -> None:
    blocked = _SLOW not in sys.modules
    if blocked:
        # An entry of None makes an import raise ImportError, which jsonschema expects.
        sys.modules[_SLOW] = None  # type: ignore[assignment]
    try:
        importlib.import_module("papermill")
    finally:
        if blocked:
            del sys.modules[_SLOW]
