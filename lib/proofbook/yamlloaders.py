"""Load YAML by the rules of profiles: only what JSON can carry, and no key twice.

Numbers are read as in YAML 1.2, so that ``5e-6`` is one; a date is text, as JSON has none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import yaml

__all__ = ["RefusedError", "compose", "load"]

_TAG = "tag:yaml.org,2002:"
_TEXT = f"{_TAG}str"


class RefusedError(yaml.error.MarkedYAMLError):
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
            raise RefusedError(problem=message, problem_mark=node.start_mark) from error

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


def load(text: str) -> Any:
    """Return the value of the only document in a text.

    Raises:
        yaml.YAMLError: It is not YAML, or not what a profile may say.
        RecursionError: It is nested too deeply.
    """
    with contextlib.suppress(yaml.YAMLError, RecursionError, UnicodeError, _UnusualError):
        return _PlainReader(text).read()
    node = compose(text)
    return None if node is None else _Loader("").construct_document(node)


class _UnusualError(Exception):
    """A document has what only the tree of its nodes can represent, or nothing."""


class _PlainReader:
    """Reads a document event by event: a third of the time of a tree, a tenth of its memory.

    Keys must be texts, each given once; an anchor, an alias or a tag is unusual.
    """

    def __init__(self, text: str) -> None:
        self._loader: Any = _QuickLoader(text)
        self._next = self._loader.get_event

    def read(self) -> Any:
        """Return the only document."""
        try:
            self._expect(yaml.StreamStartEvent)
            self._expect(yaml.DocumentStartEvent)
            value = self._value(self._next())
            self._expect(yaml.DocumentEndEvent)
            self._expect(yaml.StreamEndEvent)
            return value
        finally:
            self._loader.dispose()

    def _expect(self, kind: type[yaml.Event]) -> None:
        if type(self._next()) is not kind:
            raise _UnusualError

    def _value(self, event: Any) -> Any:
        kind = type(event)
        if kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            raise _UnusualError
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        return self._mapping() if kind is yaml.MappingStartEvent else self._sequence()

    def _mapping(self) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._value(event)
            if type(key) is not str or key in mapping:
                raise _UnusualError
            mapping[key] = self._value(self._next())
        return mapping

    def _sequence(self) -> list[Any]:
        items = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            items.append(self._value(event))
        return items

    def _scalar(self, event: Any) -> Any:
        if not event.implicit[0]:
            return event.value
        tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _TEXT:
            return event.value
        if tag not in _Rules.yaml_constructors:
            raise _UnusualError
        node = yaml.ScalarNode(tag, event.value, event.start_mark)
        return _Rules.yaml_constructors[tag](self._loader, node)


def compose(text: str) -> yaml.Node | None:
    """Return a document's tree; what libyaml refuses is read again, for a better message.

    Raises:
        yaml.YAMLError: As :func:`load`.
        RecursionError: As :func:`load`.
    """
    with contextlib.suppress(yaml.YAMLError, RecursionError, UnicodeError):
        return _verified(yaml.compose(text, Loader=_QuickLoader))
    return _verified(yaml.compose(text, Loader=_Loader))


def _verified(node: yaml.Node | None) -> yaml.Node | None:
    if node is not None:
        _verify(node, set())
    return node


def _verify(node: yaml.Node, around: set[int]) -> None:
    """Refuse a key given twice, and a value that contains itself: one of the nodes ``around``."""
    if isinstance(node, yaml.ScalarNode):
        return
    if id(node) in around:
        raise RefusedError(problem="a value contains itself", problem_mark=node.start_mark)
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
            raise RefusedError(problem=f"{name!r} is given twice", problem_mark=key.start_mark)
        names.add(name)
