"""Read a YAML file together with the line on which each of its values stands.

Numbers are read as in YAML 1.2, so that ``5e-6`` is one; a key given twice is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import ProfileError

__all__ = ["YamlFile", "parse_scalar", "read_yaml"]

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlFile:
    """A YAML document: its value, and the line (from 1) of every key and item."""

    path: Path
    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Return the line of ``place``, or of the nearest thing around it that has one."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def error(self, message: str, place: Place) -> ProfileError:
        """Return the error that says ``message`` at ``place``."""
        return ProfileError(message, path=self.path, line=self.line(place))


class _Loader(yaml.SafeLoader):
    pass


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:float"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file.

    Raises:
        ProfileError: It is missing, is not YAML, or gives a key twice; with the line.
    """
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProfileError("no such file", path=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"cannot be read: {error}", path=path) from error
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        if node is not None:
            _locate(node, (), lines, path)
        value = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _broken(error, path) from error
    finally:
        loader.dispose()
    return YamlFile(path, value, lines)


def parse_scalar(text: str) -> Any:
    """Parse one value given on a command line, by the rules of the files."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError:
        return text


def _locate(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            line = key.start_mark.line + 1
            if inner in lines:
                raise ProfileError(f"{key.value!r} is given twice", path=path, line=line)
            lines[inner] = line
            _locate(value, inner, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _locate(value, (*place, index), lines, path)


def _broken(error: yaml.YAMLError, path: Path) -> ProfileError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return ProfileError(
        f"not YAML: {problem}", path=path, line=None if mark is None else mark.line + 1
    )
