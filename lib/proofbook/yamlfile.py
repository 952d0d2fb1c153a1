"""Read a YAML file together with the line on which each of its values stands.

Numbers are read as in YAML 1.2, so that ``5e-6`` is one; a date is text, as JSON has none; a key
given twice, or a value that contains itself, is an error.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from proofbook.errors import ProfileError

__all__ = ["Place", "YamlFile", "parse_scalar", "read_yaml"]

Place = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"


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
        node = _compose(self.text)
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


class _RefusedError(yaml.error.MarkedYAMLError):
    """It is YAML, but not what a profile may say."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Return PyYAML's rules for plain scalars, with YAML 1.2's floats and without dates."""
    resolvers = {
        first: [(tag, p) for tag, p in rules if tag not in (f"{_TAG}float", f"{_TAG}timestamp")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    number = re.compile(
        r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    )
    for first in "-+0123456789.":
        resolvers.setdefault(first, []).append((f"{_TAG}float", number))
    return resolvers


def _strict(constructor: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a constructor to which a text that only looks like a number is an error."""

    def construct(loader: Any, node: yaml.Node) -> Any:
        try:
            return constructor(loader, node)
        except (ValueError, KeyError) as error:
            kind = node.tag.removeprefix(_TAG)
            message = f"{str(node.value)[:40]!r} is not a valid {kind}; quote it if it is text"
            raise _RefusedError(problem=message, problem_mark=node.start_mark) from error

    return construct


def _constructors() -> dict[Any, Callable[[Any, Any], Any]]:
    """Return only what JSON can carry: run.json and the executed notebook hold each value too."""
    known = yaml.SafeLoader.yaml_constructors
    kept = {f"{_TAG}{kind}": known[f"{_TAG}{kind}"] for kind in ("null", "str", "seq", "map")}
    strict = {f"{_TAG}{kind}": _strict(known[f"{_TAG}{kind}"]) for kind in ("bool", "int", "float")}
    return {None: known[None], **kept, **strict}


class _Rules:
    """What holds for both loaders."""

    yaml_constructors = _constructors()
    yaml_implicit_resolvers = _resolvers()


class _Loader(_Rules, yaml.SafeLoader):
    """Says best what is wrong."""


class _QuickLoader(_Rules, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Ten times as fast, where PyYAML was built with libyaml.

    ruamel.yaml, which keeps lines itself, takes twice as long as PyYAML's own parser: not used.
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
        value = _load(text)
    except yaml.YAMLError as error:
        raise _broken(error, text, path) from error
    except RecursionError as error:
        raise ProfileError("is nested too deeply", path=path) from error
    return YamlFile(path, value, text)


def parse_scalar(text: str) -> Any:
    """Parse one value of a command line by the rules of the files; what breaks them is text."""
    try:
        return _load(text)
    except (yaml.YAMLError, RecursionError):
        return text


def _load(text: str) -> Any:
    node = _compose(text)
    return None if node is None else _Loader("").construct_document(node)


def _compose(text: str) -> yaml.Node | None:
    """Return a document's tree; what libyaml refuses is read again, for a better message."""
    with contextlib.suppress(yaml.YAMLError, RecursionError, UnicodeError):
        return _verified(yaml.compose(text, Loader=_QuickLoader))
    return _verified(yaml.compose(text, Loader=_Loader))


def _verified(node: yaml.Node | None) -> yaml.Node | None:
    if node is not None:
        _verify(node, set())
    return node


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


def _verify(node: yaml.Node, around: set[int]) -> None:
    """Refuse a key given twice, and a value that contains itself: one of the nodes ``around``."""
    if isinstance(node, yaml.ScalarNode):
        return
    if id(node) in around:
        raise _RefusedError(problem="a value contains itself", problem_mark=node.start_mark)
    around.add(id(node))
    inner = node.value
    if isinstance(node, yaml.MappingNode):
        _refuse_same_keys(node)
        inner = [value for _, value in node.value]
    for each in inner:
        _verify(each, around)
    around.discard(id(node))


def _refuse_same_keys(node: yaml.MappingNode) -> None:
    names = set()
    for key, _ in node.value:
        name = str(key.value)
        if name in names:
            raise _RefusedError(problem=f"{name!r} is given twice", problem_mark=key.start_mark)
        names.add(name)


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
