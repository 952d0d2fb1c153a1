"""A stage that posts is never run for real where no platform of this machine stands in."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from small_projects import USUAL, make_project, parameters_of

from proofbook_systems.pipeline.integrations.bench import open_bench
from proofbook_systems.pipeline.integrations.config import IntegrationsConfig
from proofbook_systems.pipeline.integrations.preparing import prepare, safe_command
from proofbook_systems.pipeline.workspace import open_workspace


def test_posting_is_dry_or_left_out_without_a_platform_of_this_machine(tmp_path: Path) -> None:
    given = parameters_of(make_project(tmp_path / "mine"), {})
    given["commands"] = {"post": given["commands"]["post"]}
    config = IntegrationsConfig(**given, **{**USUAL, "apis": []})
    workspace = open_workspace(config, tmp_path / "work")
    with open_bench(config, tmp_path / "work", workspace, "e1") as bench:
        assert safe_command(bench, "post")[-1] == "--dry-run"
    bare = config.model_copy(update={"dry_run": []})
    with open_bench(bare, tmp_path / "work", workspace, "e1") as bench:
        assert "would be real" in prepare(bench).untried["post"]
