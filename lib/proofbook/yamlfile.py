"""Read a YAML file together with the line on which each of its values stands.

Numbers are read as in YAML 1.2, so that ``5e-6`` is one; a date is text, as JSON has none; a key
given twice, or a value that contains itself, is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from proofbook.errors import ProfileError

__all__ = ["Place", "YamlFile", "parse_scalar", "read_yaml"]

Place = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
"""As YAML 1.2 has it; YAML 1.1 takes ``5e-6`` for text."""

_FLOAT_STARTS = "-+0123456789."


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


class _RefusedError(yaml.error.MarkedYAMLError):
    """It is YAML, but not what a profile may say."""


class _Rules:
    """What a profile may say; JSON has to carry it, as run.json and the notebook hold it again."""

    yaml_constructors: ClassVar = {
        tag: constructor
        for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or str(tag).removeprefix(_TAG) in _KINDS
    }
    yaml_implicit_resolvers: ClassVar = {
        first: [
            (tag, pattern)
            for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(first, [])
            if tag not in (f"{_TAG}float", f"{_TAG}timestamp")
        ]
        + ([(f"{_TAG}float", _FLOAT)] if first in _FLOAT_STARTS else [])
        for first in {*yaml.SafeLoader.yaml_implicit_resolvers, *_FLOAT_STARTS}
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct a value; one that only looks like a number is an error with its line."""
        try:
            return super().construct_object(node, deep=deep)  # type: ignore[misc]
        except (ValueError, TypeError) as error:
            kind = node.tag.removeprefix(_TAG)
            message = f"{str(node.value)[:40]!r} is not a valid {kind}; quote it if it is text"
            raise _RefusedError(problem=message, problem_mark=node.start_mark) from error


class _PureLoader(_Rules, yaml.SafeLoader):
    """The parser in Python: its messages are the better ones."""


class _QuickLoader(_Rules, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """libyaml's parser, where there is one.

    Measured on a profile of 2,400 jobs: a quarter of the pure parser's time. ruamel.yaml, which
    keeps the lines itself, takes twice the pure parser's time, so it is not used.
    """


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file.

    Raises:
        ProfileError: It is missing, is not YAML, gives a key twice or contains itself; with the
            line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ProfileError("no such file", path=path) from error
    except (OSError, ValueError) as error:
        raise ProfileError(f"cannot be read: {error}", path=path) from error
    try:
        value, lines = _load(text)
    except yaml.YAMLError as error:
        raise _broken(error, text, path) from error
    except RecursionError as error:
        raise ProfileError("is nested too deeply", path=path) from error
    return YamlFile(path, value, lines)


def parse_scalar(text: str) -> Any:
    """Parse one value of a command line by the rules of the files; what breaks them is text."""
    try:
        return _load(text)[0]
    except (yaml.YAMLError, RecursionError):
        return text


def _load(text: str) -> tuple[Any, dict[Place, int]]:
    try:
        return _load_with(_QuickLoader, text)
    except yaml.YAMLError:
        return _load_with(_PureLoader, text)  # to say what is wrong with it


def _load_with(
    loader_class: type[_QuickLoader | _PureLoader], text: str
) -> tuple[Any, dict[Place, int]]:
    loader = loader_class(text)
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        if node is None:
            return None, lines
        _locate(node, (), lines, ())
        return loader.construct_document(node), lines
    finally:
        loader.dispose()


def _locate(
    node: yaml.Node, place: Place, lines: dict[Place, int], around: tuple[yaml.Node, ...]
) -> None:
    """Note the line of everything in ``node``, which stands within the nodes ``around``."""
    if any(node is outer for outer in around):
        raise _RefusedError(problem="a value contains itself", problem_mark=node.start_mark)
    around = (*around, node)
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                raise _RefusedError(
                    problem=f"{key.value!r} is given twice", problem_mark=key.start_mark
                )
            lines[inner] = key.start_mark.line + 1
            _locate(value, inner, lines, around)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _locate(value, (*place, index), lines, around)


def _broken(error: yaml.YAMLError, text: str, path: Path) -> ProfileError:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        character = text[error.position : error.position + 1]
        return ProfileError(
            f"not YAML: the character {character!r} is not allowed; remove it", path=path, line=line
        )
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    prefix = "" if isinstance(error, _RefusedError) else "not YAML: "
    message = " ".join(f"{prefix}{problem}".split())
    return ProfileError(message, path=path, line=None if mark is None else mark.line + 1)
