"""Before a release: the documentation names what there is, and what it names is there."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["judge_documents"]

_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ISSUES = re.compile(r"trouble|common (?:issues|problems)|known (?:issues|problems)|faq|debugging",
                     re.IGNORECASE)  # fmt: skip
_SETUP = re.compile(
    r"install|set(?:ting)?(?: it| this| things)?[- ]?up|getting started|quick ?start|prerequisites",
    re.IGNORECASE,
)
_RUNNERS = ("python", "python3", "{python}", "bash", "sh", "node")
_TEXTS = (".md", ".rst", ".txt", "")


def judge_documents(
    project: Path, commands: Mapping[str, Sequence[str]], keys: Sequence[str],
    patterns: Sequence[str],
) -> list[Finding]:  # fmt: skip
    """Judge the documents of a project.

    Args:
        project: Its folder.
        commands: Of the stages.
        keys: Environment variables that somebody must set.
        patterns: Which files are documentation.

    Raises:
        SubjectError: One cannot be read.
    """
    files = sorted({f for pattern in patterns for f in project.glob(pattern) if f.is_file()})
    texts = {file: _read(file) for file in files}
    whole = "\n".join(texts.values())
    prose = "\n".join(text for file, text in texts.items() if file.suffix in _TEXTS)
    absent = [] if files else [f"the project has none of {', '.join(patterns)}"]
    return [
        finding("readme-there", absent, why="nobody else can run it"),
        finding("readme-names-commands", absent or _unnamed(commands, whole),
                why="a command that nobody knows of is not used"),
        finding("documented-commands-exist", absent or list(_gone(project, texts)),
                why="a guide that names what is not there is not followed"),
        finding("keys-documented", absent or _undocumented(keys, whole),
                why="a key that nobody knows of is missing in production",
                untried="" if keys else "keys names none"),
        finding("common-issues-documented", absent or _without(_ISSUES, prose, "troubleshooting"),
                why="the same question is asked each week"),
        finding("setup-documented", absent or _without(_SETUP, prose, "setting it up"),
                why="a new machine is set up from memory"),
    ]  # fmt: skip


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SubjectError(f"document {path} cannot be read: {error}") from error


def _unnamed(commands: Mapping[str, Sequence[str]], text: str) -> list[str]:
    faults = []
    for stage, words in commands.items():
        programs = _programs(words)
        if programs and not any(Path(name).name in text for name in programs):
            faults.append(f"no document names {programs[0]}, the command of {stage}")
    return faults


def _programs(words: Sequence[str]) -> list[str]:
    """Return what a command runs: the first file among its words, or the word after -m."""
    if "-m" in words[:-1]:
        return [words[words.index("-m") + 1]]
    files = [word for word in words if word.endswith((".py", ".sh", ".js")) and "{" not in word]
    return files[:1] or [word for word in words[:1] if "{" not in word]


def _gone(project: Path, texts: Mapping[Path, str]) -> Iterator[str]:
    """Yield the commands in the documents whose file is not in the project."""
    for file, text in texts.items():
        blocks = _FENCED.findall(text)
        for line in "\n".join(blocks).splitlines():
            name = _file_of(line)
            if name and not (project / name).exists() and not (file.parent / name).exists():
                yield f"{file.relative_to(project)} says {line.strip()!r}, and there is no {name}"


def _file_of(line: str) -> str:
    try:
        words = shlex.split(line.strip().removeprefix("$ "), comments=True)
    except ValueError:
        return ""
    while words and re.fullmatch(r"[A-Za-z_]\w*=.*", words[0]):  # VARIABLE=value before it
        words = words[1:]
    if len(words) > 1 and Path(words[0]).name in _RUNNERS:
        rest = [word for word in words[1:] if not word.startswith("-")]
        is_module = words[1] in ("-m", "-c")
        fits = rest and rest[0].endswith((".py", ".sh", ".js")) and "<" not in rest[0]
        return rest[0] if fits and not is_module and not rest[0].startswith("/") else ""
    return words[0] if words and re.fullmatch(r"\./[\w./-]+", words[0]) else ""


def _undocumented(keys: Sequence[str], text: str) -> list[str]:
    return [f"no document names {key}" for key in keys
            if not re.search(rf"\b{re.escape(key)}\b", text)]  # fmt: skip


def _without(pattern: re.Pattern[str], text: str, what: str) -> list[str]:
    headings = [
        line for line in text.splitlines() if line.startswith(("#", "**")) or line.istitle()
    ]
    lines = text.splitlines()
    underlined = [before for before, line in itertools.pairwise(lines)
                  if re.fullmatch(r"[=\-~^]{3,}", line.strip())]  # fmt: skip
    found = any(pattern.search(heading) for heading in (*headings, *underlined))
    return [] if found else [f"no document has a heading about {what}"]
