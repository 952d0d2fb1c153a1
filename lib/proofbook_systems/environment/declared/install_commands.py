"""The packages that a project tells its users to install by a command, in prose or in a script.

Many projects leave PyTorch to such a line, since its index depends on the machine. What it names
counts as declared; it is not demanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.environment.declared.wanted import Declaration, Wanted, from_pep508
from proofbook_systems.environment.folders import relative_name

__all__ = ["read_install_commands"]

_GLOBS = ("README*", "INSTALL*", "docs/install*", "Dockerfile*", "docker/**/Dockerfile*",
          "*.sh", "scripts/*.sh", "Makefile", "setup.sh")  # fmt: skip
_COMMAND = re.compile(r"(?:pip3?|uv pip|conda|mamba) install\s+([^`\n|&;]+)|uv add\s+([^`\n|&;]+)")


def read_install_commands(root: Path) -> Iterator[Declaration]:
    """Read the commands in a project's instructions, Dockerfiles and scripts, as groups."""
    for path in dict.fromkeys(file for glob in _GLOBS for file in sorted(root.glob(glob))):
        if path.is_file():
            name = relative_name(path, root)
            text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
            wanted = tuple(_packages(text, name))
            if wanted:
                yield Declaration(file=name, group="commands", wanted=wanted)


def _packages(text: str, name: str) -> Iterator[Wanted]:
    for command in _COMMAND.finditer(text):
        for word in re.findall(r"[^\s'\"]+", command[1] or command[2]):
            try:
                yield from [from_pep508(word.replace("::", "-"), name)] if word[0].isalpha() else []
            except SubjectError:
                continue  # an option's value, or prose
