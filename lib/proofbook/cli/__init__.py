"""The ``proofbook`` command: parses, calls one function, maps errors to exit codes.

Exit codes: 0 all green, 1 a check failed, 2 bad usage or profile, 3 something crashed or timed
out, 130 cancelled. Heavy modules are imported by the command that needs them.
"""

from proofbook.cli.application import app
from proofbook.cli.main import main

__all__ = ["app", "main"]
