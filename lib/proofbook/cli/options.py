"""Options and arguments that several commands share, and the runs that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from proofbook.runs.folder import RunFolder

__all__ = [
    "AllowedSkips",
    "AuthoritiesFile",
    "ClusterAddress",
    "ExecutorName",
    "KeyFile",
    "NamedRun",
    "Outputs",
    "ParameterValues",
    "ProfileName",
    "RunName",
    "SignersFile",
    "StoreAddress",
    "find_named_run",
    "find_outputs",
]

Outputs = Annotated[
    Path | None, typer.Option("--outputs", help="Folder of the runs; default: outputs/.")
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", help="A name under parameters/, or a YAML file; default: tiny."),
]
ParameterValues = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", help="name=value, for every job that has it."),
]
AllowedSkips = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-skips", help="A check, or glob of checks, that may be skipped in every job."
    ),
]
ExecutorName = Annotated[
    str, typer.Option("--executor", help="What executes the jobs: local, or ray for a cluster.")
]
ClusterAddress = Annotated[
    str,
    typer.Option(
        "--address", help="The cluster; default: the one of this machine. local starts one."
    ),
]
StoreAddress = Annotated[
    str,
    typer.Option(
        "--store",
        help="What files travel through between the machines of a cluster, as s3://bucket/prefix; "
        "default: the cluster's own memory.",
    ),
]
RunName = Annotated[str, typer.Argument(help="A run's id, its folder, or latest.")]
NamedRun = Annotated[str, typer.Option("--run", help="A run's id, its folder, or latest.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="An Ed25519 SSH key to sign with: ~/.ssh/id_ed25519.")
]

SignersFile = Annotated[
    Path | None,
    typer.Option(
        "--signers",
        help="Whose keys count, in OpenSSH's format; default: allowed_signers in the project.",
    ),
]
AuthoritiesFile = Annotated[
    Path | None,
    typer.Option(
        "--tsa-ca",
        help="Certificates of the authorities whose timestamps count, in PEM; default: "
        "timestamp_authorities.pem in the project.",
    ),
]


def find_outputs(outputs: Path | None) -> Path:
    """Return the folder of the runs: the one that is named, or the project's.

    Raises:
        UsageError: None is named, and there is no project here.
    """
    from proofbook.project import find_project

    return outputs or find_project(Path.cwd()).outputs


def find_named_run(outputs: Path | None, run: str) -> RunFolder:
    """Return the run called ``run``; one that is named by its folder needs no project.

    Raises:
        ProofbookError: There is no such run, or files of it are links.
    """
    from proofbook.runs.finding import find_run

    named = (Path(run) / "run.json").is_file()
    found = find_run(Path(run) if named else find_outputs(outputs), run)
    found.refuse_links()
    return found
