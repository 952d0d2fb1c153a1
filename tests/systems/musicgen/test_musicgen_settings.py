"""Parameters win over the environment, and the environment over the default."""

from __future__ import annotations

from pathlib import Path

import pytest
from runbook_defaults import config_of

from proofbook_systems.musicgen.settings import log_name, mapping_options, switch

MAPPING = "musicgen/key_mapping"


@pytest.mark.parametrize(
    ("value", "found", "result"),
    [("yes", "0", True), ("no", "1", False), ("auto", "1", True), ("auto", "0", False),
     ("auto", "false", False), ("auto", "True", True), ("auto", "", True)],
)  # fmt: skip
def test_a_switch_is_what_the_nearest_says(value: str, found: str, result: bool):
    assert switch(value, "FORCE_CPU_COMP", environ={"FORCE_CPU_COMP": found}) is result


def test_proposals_are_applied_as_the_environment_says(tmp_path: Path):
    file = tmp_path / "mapping.json"
    file.write_text('{"a": "b"}')
    config = config_of(MAPPING, apply_mapping=str(file), proposed_threshold=0.9)
    options = mapping_options(config, environ={"APPLY_PROPOSED": "0"})
    assert (options.apply_proposed, options.threshold) == (False, 0.9)
    assert options.mapping == {"a": "b"}
    assert mapping_options(config_of(MAPPING), environ={}).apply_proposed


def test_logs_have_the_names_that_teams_know():
    names = [log_name(config_of(MAPPING, dry_run=d, save_applied=s))
             for d, s in ((True, True), (False, False), (False, True))]  # fmt: skip
    assert names == ["large_dryrun.log", "large_applymap.log", "large_applymap_save.log"]
