"""Defects in how a pipeline meets its APIs are found and named; right programs are not blamed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from platform_doubles import serving
from small_projects import USUAL, make_project, parameters_of

from proofbook_systems.pipeline.findings import Finding
from proofbook_systems.pipeline.integrations import dry_runs, propagation, suite, tokens
from proofbook_systems.pipeline.integrations.bench import Bench, open_bench
from proofbook_systems.pipeline.integrations.config import IntegrationsConfig
from proofbook_systems.pipeline.integrations.preparing import Prepared, prepare
from proofbook_systems.pipeline.workspace import open_workspace


class Ready(NamedTuple):
    bench: Bench
    prepared: Prepared


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    """The small pipeline, right and prepared, with its servers."""
    folder = tmp_path_factory.mktemp("integrations")
    project = make_project(folder / "mine")
    with serving() as servers:
        config = IntegrationsConfig(**parameters_of(project, servers), **USUAL)
        workspace = open_workspace(config, folder / "work")
        with open_bench(config, folder / "work", workspace, "e1") as bench:
            prepared = prepare(bench)
            assert [f for f in prepared.findings if f.faults] == []
            assert prepared.untried == {}
            yield Ready(bench, prepared)


def changed(bench: Bench, tmp_path: Path, settings: dict[str, Any], **environment: str) -> Bench:
    """Return a bench whose programs have a defect, and whose runbook has other settings."""
    bases = {name: base.with_environment(**environment) for name, base in bench.bases.items()}
    config = bench.config.model_copy(update=settings)
    return replace(bench, bases=bases, config=config, folder=tmp_path)


def findings_of(ready: Ready, bench: Bench, cases: str) -> dict[str, list[str]]:
    """Run cases by name, and return the faults of each."""
    found: dict[str, list[str]] = {}
    for name in cases.split():
        api, _, case = name.partition("/")
        found |= {f.name: f.faults for f in _run(ready, bench, api, case)}
    return found


def _run(ready: Ready, bench: Bench, api: str, case: str) -> Iterator[Finding]:
    if api == "breaks":
        yield from (f for f in propagation.judge_propagation(bench) if f.name == f"breaks-{case}")
    elif api == "dry":
        yield from dry_runs.judge_dry_runs(bench)
    elif case == "refresh":
        yield tokens.judge_refresh(bench)
    elif case == "at-once":
        yield suite.judge_rates(bench, ready.prepared.controls[api])
    elif case == "again":
        yield suite.judge_recovery(bench, ready.prepared.controls[api])
    else:
        only = replace(bench, config=bench.config.model_copy(update={"only": [case]}))
        yield from (each.finding for each in suite.run_cases(only, ready.prepared, api))


PLANTED = [
    ("retry_401", "openai_api/401", "one request was made 3 times, though 401: the key is wrong"),
    ("retry_401", "posting/403", "one request was made 3 times"),
    ("storm", "voice/500-always", "one request was made 9 times; at most 5 are wanted"),
    ("early", "voice/429-seconds", r"again after 0\.0\d s; the server had asked for 1\.0 s"),
    ("early", "openai_api/429-date", r"again after 0\.0\d s"),
    ("sleep_days", "claude/429-day", "did not end within 2 s"),
    ("crash_header", "voice/429-garbage", "all that it says is a traceback, which ends in .ValueE"),
    ("no_timeout", "voice/hang", "did not end within 2 s"),
    ("no_timeout", "openai_api/hang-in-body", "did not end within 2 s"),
    ("silent", "openai_api/401", "it printed nothing"),
    ("vague", "openai_api/500-always", "which does not name the cause"),
    ("only_traceback", "voice/403", "all that it says is a traceback"),
    ("exit_zero", "voice/html", "ended with code 0, but there is no timeline"),
    ("print_key", "openai_api/500-twice", "script prints the key"),
    ("leak_url", "voice/403", "audio prints the key"),
    ("mock_script", "openai_api/429-always", "gave 0 of 1 right answers .* tells of no fallback"),
    ("mock_voice", "voice/401", "right answers .* and tells of no fallback"),
    ("mock_voice", "voice/third-line", "right answers"),
    ("drop_line", "voice/third-line", "2 of 6 lines; the rest is lost|there is no|[1-5] of 6"),
    ("half_script", "openai_api/reset", "script failed, and .*is not JSON"),
    ("half_audio", "voice/third-line", "failed, and .*no whole sound"),
    ("any_bytes", "voice/not-sound", "code 0, but .*no whole sound"),
    ("any_bytes", "voice/html", "no whole sound"),
    ("take_half any_bytes", "voice/third-line-cut", "no whole sound|right answers"),
    ("any_text", "openai_api/prose", "gave 0 of 1 right answers"),
    ("any_text", "claude/refusal", "gave 0 of 1 right answers"),
    ("no_check", "openai_api/no-lines", "has no lines|right answers"),
    ("no_check", "openai_api/other-fields", "gave 0 of 1 right answers"),
    ("no_resume", "voice/again", "answers that it had were asked for again"),
    ("too_many", "voice/at-once", r"[3-8] calls were in flight at once; 2 are allowed"),
    ("no_refresh", "posting/refresh", "nothing called refresh_access_token"),
    ("refresh_twice", "posting/refresh", "was refreshed 2 times"),
    ("forget_token", "posting/refresh", "the new one was not kept"),
    ("any_id", "posting/other-json", "right answers"),
    ("post_twice", "posting/lost-publication", "2 different publications were asked for"),
    ("any_character", "breaks/unknown-character", "audio exited with code 0 on a script with a ch"),
    ("any_emotion", "breaks/unknown-emotion", "exited with code 0 on a script with an emotion"),
    ("skip_missing", "breaks/missing-sound", "video exited with code 0"),
    ("any_image", "breaks/missing-image", "video exited with code 0"),
    ("any_image", "breaks/unreadable-image", "video exited with code 0"),
]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("plant", "cases", "said"), PLANTED,
                         ids=[f"{p[0]}-{p[1]}" for p in PLANTED])  # fmt: skip
def test_a_defect_is_found_and_named(
    ready: Ready, tmp_path: Path, plant: str, cases: str, said: str
) -> None:
    patience = {"patience": 2.0} if "did not end" in said else {}
    bench = changed(ready.bench, tmp_path, patience, PLANT=plant)
    faults = [f for found in findings_of(ready, bench, cases).values() for f in found]
    assert any(re.search(said, fault) for fault in faults), faults


RIGHT = " ".join(dict.fromkeys(case for _, case, _ in PLANTED))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "form", [pytest.param("", marks=pytest.mark.slow), "stdout", "ownlog", "traceback"]
)
def test_a_right_program_is_left_in_peace(ready: Ready, tmp_path: Path, form: str) -> None:
    cases = RIGHT if not form else "openai_api/401 voice/again posting/html"
    bench = changed(ready.bench, tmp_path, {}, FORM=form)
    assert {n: f for n, f in findings_of(ready, bench, cases).items() if f} == {}


def test_a_fallback_that_is_told_is_right_unless_none_is_wanted(
    ready: Ready, tmp_path: Path
) -> None:
    bench = changed(ready.bench, tmp_path, {}, FORM="fallback")
    assert findings_of(ready, bench, "openai_api/401") == {"openai_api-401": []}
    strict = changed(ready.bench, tmp_path, {"fallback": False}, FORM="fallback")
    (faults,) = findings_of(ready, strict, "openai_api/401").values()
    assert "tells of a fallback, which is not wanted" in faults[0]


@pytest.mark.parametrize(
    ("limit", "said"), [(1, "6 calls were begun|[2-5] calls"), (5, ""), (9, "")]
)
def test_calls_a_second_are_counted(ready: Ready, tmp_path: Path, limit: int, said: str) -> None:
    bench = changed(ready.bench, tmp_path, {"most_a_second": {"voice": limit}})
    found = suite.judge_speed(bench, ready.prepared.controls["voice"])
    if limit == 5:  # six calls: whether they are too quick is the machine's matter
        assert not found.untried
    else:
        assert bool(said) == bool(found.faults) and re.search(said, " ".join(found.faults))
        assert bool(found.untried) == (limit == 9)


@pytest.mark.parametrize(
    ("plant", "said"),
    [("no_refresh", ""), ("no_refresh exit_zero", "though its token had expired")],
)
def test_without_a_promised_refresh_an_expired_token_is_named(
    ready: Ready, tmp_path: Path, plant: str, said: str
) -> None:
    bench = changed(ready.bench, tmp_path, {"refreshes": False}, PLANT=plant)
    found = tokens.judge_refresh(bench)
    assert bool(said) == bool(found.faults)
    assert said in " ".join(found.faults)


def test_other_variables_point_the_program_as_well(ready: Ready, tmp_path: Path) -> None:
    addresses = {**ready.bench.config.addresses,
                 "voice": {"SPEECH_ENDPOINT": "{root}", "ELEVENLABS_API_KEY": "{key}"}}  # fmt: skip
    bench = changed(ready.bench, tmp_path, {"addresses": addresses})
    assert findings_of(ready, bench, "voice/500-twice") == {"voice-500-twice": []}


_ALL_FILMS = ["text", "posting-refuses-a-text", "truncated", "empty", "too-long", "wrong-size",
              "missing"]  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("plant", "red"),
    [
        ("", []),
        ("dry_posts", ["posting-dry-run"]),
        ("no_look", _ALL_FILMS),
        ("any_length", ["too-long"]),
        ("any_size", ["wrong-size"]),
    ],
)
def test_a_dry_run_posts_nothing_and_refuses_what_is_no_film(
    ready: Ready, tmp_path: Path, plant: str, red: list[str]
) -> None:
    bench = changed(ready.bench, tmp_path, {}, PLANT=plant)
    found = [f.name for f in dry_runs.judge_dry_runs(bench) if f.faults]
    assert sorted(name.rpartition("dry-run-")[2] for name in found) == sorted(red)
