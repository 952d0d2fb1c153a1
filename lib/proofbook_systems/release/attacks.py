"""Hostile input, as data: what is changed before which stage, and what a right stage does."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from proofbook_systems.pipeline.documents import read_plain, write_plain
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.workspace import Workspace
from proofbook_systems.release.surroundings import MARK, Surroundings

__all__ = ["ATTACKS", "Attack", "Target"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where an attack takes place."""

    workspace: Workspace
    episode: str
    around: Surroundings

    def document(self, artefact: str) -> Any:
        """Return an artefact's document; None where it is neither JSON nor YAML."""
        return read_plain(self.workspace.path(artefact, self.episode))

    def write(self, artefact: str, document: Any) -> None:
        """Write an artefact's document."""
        write_plain(self.workspace.path(artefact, self.episode), document)


_Prepare = Callable[[Target], Mapping[str, str] | None]
"""Change the project, and return other values of placeholders; None where there is nothing."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One kind of hostile input."""

    name: str
    title: str
    stage: str
    needs: Sequence[str]
    """Artefacts that must have a path."""
    prepare: _Prepare = field(repr=False)
    refused: bool = False
    """Whether it must be refused; else a stage may make it harmless, and go on."""
    accepted: bool = False
    """Whether it is unusual and right, and must not stop the pipeline."""
    placeholder: str = ""
    """What the stage's command must have."""


def _set_field(artefact: str, canonical: str, value: Callable[[Target], str]) -> _Prepare:
    """Change a field of the document, or of the second of its lines."""

    def prepare(target: Target) -> Mapping[str, str] | None:
        document, names = target.document(artefact), Names.of(target.workspace.names)
        if document is None:
            return None
        lists = {"script": "script.lines", "timeline": "timeline.lines",
                 "selections": "selections.list"}  # fmt: skip
        place = document
        if not canonical.startswith(f"{artefact}."):
            lines = document if isinstance(document, list) else names.get(document, lists[artefact])
            lines = list(lines.values()) if isinstance(lines, dict) else lines
            if not lines or not all(isinstance(line, dict) for line in lines):
                return None
            place = lines[min(1, len(lines) - 1)]
        elif not isinstance(document, dict):
            return None
        key = names.key(place, canonical) or names.candidates(canonical)[0]
        place[key] = value(target)
        target.write(artefact, document)
        return {}

    return prepare


def _relative(bait: str) -> Callable[[Target], str]:
    return lambda target: f"../outside/{bait}"


def _absolute(bait: str) -> Callable[[Target], str]:
    return lambda target: str(target.around.outside / bait)


def _linked(bait: str) -> Callable[[Target], str]:
    def link(target: Target) -> str:
        name = f"linked-{bait}"
        (target.workspace.folder / name).symlink_to(target.around.outside / bait)
        return name

    return link


def _text(value: str) -> Callable[[Target], str]:
    return lambda target: value


def _episode(value: Callable[[Target], str]) -> _Prepare:
    return lambda target: {"episode": value(target)}


def _reading(artefact: str, canonical: str, bait: str) -> list[Attack]:
    ways: Mapping[str, tuple[str, Callable[[str], Callable[[Target], str]]]] = {
        "relative": ("../ to a file", _relative),
        "absolute": ("the absolute path of a file", _absolute),
        "link": ("a symbolic link to a file", _linked),
    }  # fmt: skip
    what = {"selections": "image", "timeline": "sound"}[artefact]
    return [
        Attack(name=f"{what}-{way}", stage="video", needs=(artefact,), refused=True,
               title=f"an {what} that is {words}".replace("an s", "a s")
                     + " outside of the project",
               prepare=_set_field(artefact, canonical, make(bait)))
        for way, (words, make) in ways.items()
    ]  # fmt: skip


_SHELL = (
    f"x$(touch {MARK}-by-a)`touch {MARK}-by-b`; touch {MARK}-by-c & touch {MARK}-by-d "
    f"| touch {MARK}-by-e #"
)
_SQL = "O'Brien \"the mouse\"'); DROP TABLE trends; DROP TABLE trending_topics; --"
_HTML = "<script>alert(1)</script><img src=x onerror=alert(1)> ${7*7} {{7*7}} %s %n"
_DEEP = "[" * 20_000 + "]" * 20_000
_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in itertools.pairwise("abcdefghi")
)
"""Each line is nine times the one before it: nine to the ninth in all."""
_UP = f"../../../outside/{MARK}"


def _add_topic(target: Target) -> Mapping[str, str] | None:
    """Add a copy of a row of the table of trends, about another topic."""
    names = Names.of(target.workspace.names)
    with closing(sqlite3.connect(target.workspace.path("trends_db", target.episode))) as database:
        database.row_factory = sqlite3.Row
        tables = [
            r[0] for r in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        table = names.find(tables, "trends.table")
        row = database.execute(f'SELECT * FROM "{table}"').fetchone() if table else None
        if row is None:
            return None
        keys = {r[1] for r in database.execute(f'PRAGMA table_info("{table}")') if r[5]}
        values = {k: row[k] for k in row.keys() if k not in keys}  # noqa: SIM118 - a sqlite3.Row
        topic = names.find(values, "trend.name")
        if topic is None:
            return None
        values[topic] = _SQL
        columns = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _ in values)
        with database:
            database.execute(
                f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', tuple(values.values())
            )
    return {}


def _raw(artefact: str, text: str) -> _Prepare:
    def prepare(target: Target) -> Mapping[str, str]:
        target.workspace.path(artefact, target.episode).write_text(text, encoding="utf-8")
        return {}

    return prepare


def _odd_types(target: Target) -> Mapping[str, str] | None:
    document, names = target.document("script"), Names.of(target.workspace.names)
    lines = document if isinstance(document, list) else names.get(document or {}, "script.lines")
    if not lines or not all(isinstance(line, dict) for line in lines):
        return None
    for line in lines:
        line[names.key(line, "line.text") or "text"] = None
        line[names.key(line, "line.emotion") or "emotion"] = {"a": [1]}
    target.write("script", document)
    return {}


def _script(name: str, title: str, prepare: _Prepare, **more: Any) -> Attack:
    return Attack(name=name, title=title, stage="audio", needs=("script",), prepare=prepare, **more)


def _named(name: str, title: str, value: Callable[[Target], str]) -> list[Attack]:
    """Return the attacks by an episode's name: in the script, and on the command line."""
    attacks = [_script(f"episode-{name}", f"a script whose episode is {title}",
                       _set_field("script", "script.episode", value))]  # fmt: skip
    if name not in ("nul",):  # no program can be given it
        attacks.append(Attack(
            name=f"argument-{name}", title=f"an episode on the command line that is {title}",
            stage="script", needs=("script",), prepare=_episode(value), placeholder="{episode}",
        ))  # fmt: skip
    return attacks


ATTACKS: tuple[Attack, ...] = (
    *_named("up", "a path upwards", _text(_UP)),
    *_named("absolute", "an absolute path", lambda t: str(t.around.outside / MARK)),
    *_named("newline", "two lines", _text(f"{MARK}\nsecond line")),
    *_named("nul", "a name with a NUL in it", _text(f"{MARK}\0x")),
    *_named("long", "5,000 letters long", _text("e" * 5000)),
    *_named("shell", "a command for a shell", _text(_SHELL)),
    _script("character-up", "a character that is a path upwards",
            _set_field("script", "line.character", _text(_UP)), refused=True),
    _script("emotion-up", "an emotion that is a path upwards",
            _set_field("script", "line.emotion", _text(_UP))),
    *_reading("selections", "selection.image", "canary.png"),
    *_reading("timeline", "placed.audio", "canary.wav"),
    Attack(name="topic-sql", title="a topic with quotes and SQL in it", stage="script",
           needs=("trends_db",), prepare=_add_topic, accepted=True),
    Attack(name="caption-html", title="a caption with HTML and templates in it", stage="post",
           needs=("video",), prepare=lambda t: {"caption": _HTML}, placeholder="{caption}"),
    Attack(name="caption-shell", title="a caption with a command for a shell in it", stage="post",
           needs=("video",), prepare=lambda t: {"caption": _SHELL}, placeholder="{caption}"),
    _script("json-deep", "a script of 20,000 nested lists", _raw("script", _DEEP), refused=True),
    _script("json-other", "a script that is a number", _raw("script", "42"), refused=True),
    _script("json-types", "lines whose text and emotion are no texts", _odd_types, refused=True),
    _script("yaml-bomb", "a script that is a YAML bomb", _raw("script", _BOMB), refused=True),
)  # fmt: skip
"""All of them; a project's own are left out by their names."""
