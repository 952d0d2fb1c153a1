"""An artefact that says that it is of another film is named, and a title of its own is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofbook_systems.pipeline.end_to_end.identity import judge_identity, told_episode
from proofbook_systems.pipeline.names import Names

USUAL = Names()
FILM = "e1"


def judged(folder: Path, script: dict[str, Any], timeline: Any) -> list[list[str]]:
    paths = [folder / "script.json", folder / "timeline.json"]
    for path, document in zip(paths, (script, timeline), strict=True):
        path.write_text(document if isinstance(document, str) else json.dumps(document))
    found = judge_identity("timeline", paths[1], paths[:1], FILM, USUAL)
    return [each.faults for each in found]


@pytest.mark.parametrize(
    ("script", "timeline", "judgement"),
    [
        ({"episode": FILM}, {"episode": FILM}, [[]]),
        ({}, {"episode_id": FILM}, [[]]),
        ({"episode": FILM}, {"episode": "another"},
         [["timeline.json says that it is of episode 'another', and this film is 'e1'"]]),
        ({"episode": FILM}, {}, []),
        ({"episode": FILM}, {"title": "On trains"}, []),
        ({"episode": FILM}, {"episode": 7}, []),
        ({"episode": "On trains"}, {"episode": "The first one"}, []),
        ({"episode": FILM}, "no document", []),
        ({"episode": FILM}, [{"text": "Hi"}], []),
    ],
)  # fmt: skip
def test_an_artefact_of_another_film_is_named(
    tmp_path: Path, script: dict[str, Any], timeline: Any, judgement: list[list[str]]
) -> None:
    assert judged(tmp_path, script, timeline) == judgement


def test_names_of_ones_own_are_heeded(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"about": {"film": "e9"}, "episode": "On trains"}))
    assert told_episode(path, Names.of({"document.episode": "about.film"})) == "e9"
