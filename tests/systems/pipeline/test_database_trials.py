"""Each trial sees the defect that it is for, and takes right databases of other forms for right."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kept_records import open_records

from proofbook_systems.pipeline.databases import (
    baselines,
    batches,
    initialisation,
    migration,
    trials,
)
from proofbook_systems.pipeline.databases.baselines import Baseline, run_baseline
from proofbook_systems.pipeline.databases.config import DatabasesConfig
from proofbook_systems.pipeline.databases.damage import try_damage, try_read_only
from proofbook_systems.pipeline.databases.failing import try_refusals
from proofbook_systems.pipeline.databases.keys import judge_twice
from proofbook_systems.pipeline.databases.killing import try_kills
from proofbook_systems.pipeline.databases.leftovers import judge_closed, try_leftovers
from proofbook_systems.pipeline.databases.locking import try_long_lock, try_short_lock
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding
from proofbook_systems.pipeline.stages import run_stage

Trial = Callable[[Subject, DatabasesConfig, str], list[Finding]]


def initialise(subject: Subject, config: DatabasesConfig, _: str) -> list[Finding]:
    made = initialisation.try_initialisation(subject, config.writers)
    return initialisation.judge_initialisation(made, subject, config.tables)


def undisturbed(subject: Subject, config: DatabasesConfig, stage: str) -> list[Finding]:
    return trials.undisturbed(subject, [stage], config.workers)[1]


def migrate(subject: Subject, config: DatabasesConfig, stage: str) -> list[Finding]:
    with subject.copy("fresh") as workspace:
        fresh = subject.read(workspace)
    return migration.try_migration(subject, "trends_db", config.old["trends_db"], "init", stage,
                                   fresh)  # fmt: skip


def of_baseline(
    trial: Callable[[Subject, DatabasesConfig, Baseline], list[Finding]], turns: int = 1
) -> Trial:
    """Try something on a baseline of so many starts in turn: each takes time."""
    return lambda subject, config, stage: trial(
        subject, config, run_baseline(subject, stage, turns)
    )


TWICE = of_baseline(lambda s, c, b: judge_twice(b, trials.keys_of(s, c, b)), 2)
AT_ONCE = of_baseline(
    lambda s, c, b: trials.try_at_once(s, b, trials.keys_of(s, c, b), c.workers, 5.0), 2
)
SHORT = of_baseline(lambda s, c, b: try_short_lock(s, b, c.short_lock))
LONG = of_baseline(lambda s, c, b: try_long_lock(s, b, c.long_lock).findings)
KILLS = of_baseline(lambda s, c, b: try_kills(s, b, 3, 1), 2)
REFUSALS = of_baseline(lambda s, c, b: try_refusals(s, b))
LEFTOVERS = of_baseline(lambda s, c, b: try_leftovers(s, b))
CLOSED = of_baseline(lambda s, c, b: [judge_closed(b)])
DAMAGE = of_baseline(lambda s, c, b: try_damage(s, b, [b.stage]))
READ_ONLY = of_baseline(lambda s, c, b: try_read_only(s, b))
BATCH = of_baseline(lambda s, c, b: batches.try_batches(s, c, [b]), 2)

DEFECTS: list[tuple[str, str, Trial, str, str]] = [
    ("lacks_table", "images", initialise, "init-makes-tables", "has no table image_usage"),
    ("broken_view", "trends", initialise, "init-makes-tables", "view latest: no such column: gone"),
    ("library_doubles", "images", initialise, "init-twice-changes-nothing",
     "image_library has 8 rows, not 4"),
    ("init_drops", "trends", initialise, "init-keeps-rows", "trends has 0 rows, not 6: 6 lost"),
    ("init_resets", "images", initialise, "init-keeps-rows", "usage_count adds up to 0"),
    ("orphans", "images", undisturbed, "images-writes",
     "refers to a row of image_library that is not there"),
    ("leaves_wal", "trends", CLOSED, "trends-closes-databases", "trends.db-wal holds"),
    ("no_unique", "trends", TWICE, "trends-twice-doubles-nothing", "has no UNIQUE (name, source)"),
    ("unique_with_time", "trends", TWICE, "trends-twice-doubles-nothing",
     "unique index also has at"),
    ("select_then_insert", "trends", AT_ONCE, "trends-at-once", "has no UNIQUE (name, source)"),
    ("lost_updates", "images", AT_ONCE, "images-at-once", "4 lost; let the database add"),
    ("no_wait", "trends", SHORT, "trends-waits-for-short-lock", "database is locked"),
    ("deferred", "trends", SHORT, "trends-waits-for-short-lock", "database is locked"),
    ("swallows_lock", "trends", LONG, "trends-loses-nothing-to-long-lock",
     "ended with code 0 while the database was locked"),
    ("ends_with_0", "images", LONG, "images-loses-nothing-to-long-lock",
     "usage_count adds up to 0, not 4"),
    ("traceback", "trends", LONG, "trends-tells-of-long-lock", "prints a traceback"),
    ("says_nothing", "trends", LONG, "trends-tells-of-long-lock",
     "does not say that the database is locked"),
    ("names_no_file", "trends", LONG, "trends-tells-of-long-lock", "does not say which database"),
    ("two_transactions", "images", KILLS, "images-survives-kill",
     "both belong into one transaction"),
    ("counts_again", "images", KILLS, "images-completes-after-kill", "too many"),
    ("half_rows", "trends", REFUSALS, "trends-rolls-back", "1 rows of trends have no score"),
    ("swallows_refusals", "trends", REFUSALS, "trends-rolls-back",
     "ended with code 0, and trends.db: trends has 3 rows, not 6"),
    ("removes_wal", "trends", LEFTOVERS, "trends-applies-leftovers",
     "a row that was committed is lost"),
    ("removes_wal/journal", "trends", LEFTOVERS, "trends-applies-leftovers",
     "half a transaction is there"),
    ("replaces_damaged", "trends", DAMAGE, "trends-keeps-damaged-file",
     "its content is nowhere any more"),
    ("moves_damaged", "trends", DAMAGE, "trends-keeps-damaged-file", "and does not say so"),
    ("traceback", "trends", DAMAGE, "trends-tells-of-damage", "file is not a database"),
    ("ends_with_0", "trends", READ_ONLY, "trends-fails-on-read-only", "trends has 0 rows, not 6"),
    ("says_nothing", "trends", READ_ONLY, "trends-tells-of-read-only",
     "does not say that the file is read-only"),
    ("migration_drops", "trends", migrate, "trends.db-migration-keeps-rows",
     "has lost the row (1, 'old'"),
    ("migrates_nothing", "trends", migrate, "trends.db-migration-adds-columns",
     "has no column source"),
    ("batch_forgets", "images", BATCH, "images_batch-equals-images",
     "image_usage has 3 rows, not 4"),
    ("batch_commits_each", "images", BATCH, "images_batch-in-one-transaction",
     "8 transactions for 4 items"),
]  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(
    ("defect", "stage", "trial", "name", "cause"), DEFECTS, ids=[f"{d[0]}-{d[3]}" for d in DEFECTS]
)
def test_defect_is_found_with_its_cause(
    tmp_path: Path, defect: str, stage: str, trial: Trial, name: str, cause: str
) -> None:
    defect, _, form = defect.partition("/")
    wait = 0.3 if trial is LONG else 10.0
    subject, config = open_records(tmp_path, defect=defect, form=form, wait=wait)
    # Held for as long as that only where a stage would wait; none of those with a defect does.
    config = config.model_copy(update={"long_lock": 20.0})
    findings = trial(subject, config, stage)
    faults = next(each.faults for each in findings if each.name == name)
    assert any(cause in fault for fault in faults), faults


@pytest.mark.exhaustive
@pytest.mark.slow
def test_right_databases_of_another_form_are_right(tmp_path: Path) -> None:
    form = "persist+one_file+row_by_row+other_names+views+no_ids"
    subject, config = open_records(tmp_path, form=form)
    config = config.model_copy(update={"kills": 1})
    made, findings = trials.undisturbed(subject, config.writers, config.workers)
    findings += initialise(subject, config, "")
    findings += trials.try_writers(subject, config, made)
    findings += trials.try_crashes(subject, config, made)
    findings += trials.try_files(subject, made)
    assert {each.name: each.faults for each in findings if each.faults} == {}
    assert len(made) == len(config.writers)


@pytest.mark.slow
def test_right_migration_into_one_file_is_right(tmp_path: Path) -> None:
    subject, config = open_records(tmp_path, form="persist+one_file")
    findings = migrate(subject, config, "trends")
    assert {each.name: each.faults for each in findings if each.faults} == {}


def test_damaged_file_that_is_moved_and_told_is_right(tmp_path: Path) -> None:
    subject, config = open_records(tmp_path, form="moves_and_says")
    findings = DAMAGE(subject, config, "trends")
    assert [each.faults for each in findings] == [[], []]


def test_stage_whose_database_was_not_declared_is_not_tried(tmp_path: Path) -> None:
    subject, config = open_records(tmp_path, form="trends_only")
    made, findings = trials.undisturbed(subject, ["images"], config.workers)
    assert made == []
    assert findings[0].untried == "paths has no library_db"


def test_rows_that_are_there_already_are_no_missing_rows(tmp_path: Path) -> None:
    subject, config = open_records(tmp_path)
    run_stage(subject.workspace, "trends", "e0")
    made, findings = trials.undisturbed(subject, ["trends"], config.workers)
    assert (made, findings[0].faults) == ([], [])
    assert "held already what trends writes" in findings[0].untried


def test_stage_that_never_writes_is_named(tmp_path: Path) -> None:
    subject, config = open_records(tmp_path)
    commands = {**subject.workspace.commands, "trends": ["{python}", "-S", "-c", ""]}
    idle = replace(subject, workspace=replace(subject.workspace, commands=commands))
    findings = trials.undisturbed(idle, ["trends"], config.workers)[1]
    assert "trends ended well and wrote no row" in findings[0].faults[0]


def test_stages_that_make_their_own_tables_need_no_command_for_it(tmp_path: Path) -> None:
    subject, config = open_records(tmp_path)
    commands = {k: v for k, v in subject.workspace.commands.items() if k != "init"}
    own = replace(subject, workspace=replace(subject.workspace, commands=commands))
    made, *others = initialise(own, config, "")
    assert (made.faults, made.untried) == ([], "")
    assert {each.untried for each in others} == {
        "commands has no init: the stages make the tables themselves"
    }


@pytest.mark.parametrize(("rows", "held"), [(0, False), (1, False), (2, True)])
def test_only_a_table_with_as_many_rows_can_have_held_them(
    rows: int, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that is kept from writing by rows of others has not written before."""

    def content(size: int) -> Any:
        return SimpleNamespace(sizes=lambda: {("a.db", "trends"): size, ("a.db", "others"): 9})

    read = iter([content(0), content(2)])
    workspace = SimpleNamespace(has=lambda stage: False)
    subject: Any = SimpleNamespace(
        copy=lambda *names: nullcontext(workspace), remove=lambda _: None, episodes=["e0"],
        read=lambda _: next(read),
    )  # fmt: skip
    ended = SimpleNamespace(ended_well=True)
    monkeypatch.setattr(baselines, "run_stage", lambda *args: ended)
    assert baselines.writes_when_empty(subject, "trends", content(rows)) == held
