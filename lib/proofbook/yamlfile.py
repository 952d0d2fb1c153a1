"""Read a YAML file, and say on which line each of its values stands; every fault is one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from proofbook.errors import ProfileError
from proofbook.files import read_given_text
from proofbook.yamlloaders import RefusedError, compose, load

__all__ = ["Place", "YamlFile", "parse_scalar", "read_yaml"]

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlFile:
    """A YAML document: its value, and the text that shows on which line everything stands."""

    path: Path
    value: Any
    text: str = ""

    def line(self, place: Place) -> int:
        """Return the line (from 1) of ``place``, or of the nearest thing around it.

        The text is parsed again: of all the lines in a profile, an error needs one.
        """
        node = compose(self.text)
        if node is None:
            return 1
        mark = node.start_mark
        for name in place:
            part = next((each for each in _parts(node) if each.name == name), None)
            if part is None:
                break
            node, mark = part.node, part.mark
        return mark.line + 1

    def error(self, message: str, place: Place) -> ProfileError:
        """Return the error that says ``message`` at ``place``."""
        return ProfileError(message, path=self.path, line=self.line(place))


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file.

    Raises:
        ProfileError: It is missing, is not YAML, gives a key twice or contains itself; with the
            line.
    """
    try:
        text = read_given_text(path)
    except FileNotFoundError as error:
        raise ProfileError("no such file", path=path) from error
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise ProfileError(f"cannot be read: {problem}", path=path) from error
    try:
        value = load(text)
    except yaml.YAMLError as error:
        raise _broken(error, text, path) from error
    except RecursionError as error:
        raise ProfileError("is nested too deeply", path=path) from error
    return YamlFile(path, value, text)


def parse_scalar(text: str) -> Any:
    """Parse one value of a command line by the rules of the files; what breaks them is text."""
    try:
        return load(text)
    except (yaml.YAMLError, RecursionError):
        return text


class _Part(NamedTuple):
    name: str | int
    mark: yaml.Mark
    node: yaml.Node


def _parts(node: yaml.Node) -> Iterator[_Part]:
    """Yield what is directly in a mapping or a sequence."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield _Part(str(key.value), key.start_mark, value)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield _Part(index, value.start_mark, value)


def _broken(error: yaml.YAMLError, text: str, path: Path) -> ProfileError:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        character = text[error.position : error.position + 1]
        return ProfileError(
            f"not YAML: the character {character!r} is not allowed; remove it", path=path, line=line
        )
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    prefix = "" if isinstance(error, RefusedError) else "not YAML: "
    message = " ".join(f"{prefix}{problem}".split())
    return ProfileError(message, path=path, line=None if mark is None else mark.line + 1)
