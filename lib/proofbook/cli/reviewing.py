"""``proofbook report``, ``review``, ``verify``, ``waive``, ``signoff`` and ``baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proofbook.cli.application import app, baseline_app, signoff_app
from proofbook.cli.options import (
    AuthoritiesFile,
    KeyFile,
    NamedRun,
    Outputs,
    RunName,
    SignersFile,
    find_named_run,
    find_outputs,
)
from proofbook.errors import UsageError
from proofbook.terminal import say

__all__ = [
    "baseline_list",
    "baseline_show",
    "report",
    "review",
    "signoff_accept",
    "signoff_export",
    "signoff_import",
    "signoff_timestamp",
    "verify",
    "waive",
]


@app.command()
def report(
    run: RunName = "latest",
    single_file: Annotated[
        Path | None, typer.Option("--single-file", help="Also write all of it into one file.")
    ] = None,
    budget: Annotated[
        float, typer.Option(help="MB that the single file may have; media beyond are left out.")
    ] = 25,
    outputs: Outputs = None,
) -> None:
    """Build a run's report again, from its files alone."""
    from proofbook.report import write_report
    from proofbook.report.single import write_single_file
    from proofbook.signoff.trust import find_trust

    folder = find_named_run(outputs, run)
    trust = find_trust(received=[folder.path])
    say(str(write_report(folder, trust=trust)))
    if single_file is not None:
        written = write_single_file(folder, single_file, int(budget * 1e6), trust=trust)
        say(str(single_file))
        if written.left_out:
            groups = ", ".join(f"{n} of {group}" for group, n in written.left_out_of.items())
            say(
                f"{len(written.left_out)} media files are not in it ({groups}): it would be "
                f"larger than {budget:g} MB; see --budget",
                err=True,
            )


@app.command()
def review(
    run: RunName = "latest",
    reviewer: Annotated[str, typer.Option(help="Who reviews; default: as git knows you.")] = "",
    role: Annotated[str, typer.Option(help="As what, where a question asks for a role.")] = "",
    host: Annotated[
        str, typer.Option(help="Address to serve on; beyond this machine a token is wanted.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 0,
    key: KeyFile = None,
    signers: SignersFile = None,
    outputs: Outputs = None,
    expires: Annotated[
        int | None, typer.Option(min=1, help="Days that an approval counts; default: for ever.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Look, listen and sign off in the browser."""
    from datetime import timedelta

    from proofbook.review.command import ReviewOptions
    from proofbook.review.command import review as serve

    lasting = timedelta(days=expires) if expires else None
    options = ReviewOptions(
        reviewer=reviewer, role=role, host=host, port=port, key=key, signers=signers,
        lasting=lasting, browser=browser,
    )  # fmt: skip
    raise typer.Exit(serve(find_named_run(outputs, run), options))


@app.command()
def verify(
    run: RunName = "latest",
    allow_waivers: Annotated[
        bool, typer.Option("--allow-waivers", help="Exit with 0 where all that is open is waived.")
    ] = False,
    require_signed: Annotated[
        bool, typer.Option("--require-signed", help="An answer that is not signed does not count.")
    ] = False,
    signers: SignersFile = None,
    anchor: Annotated[
        str,
        typer.Option(
            help="What was kept of the log elsewhere, which must still be in it: a file of "
            "'signoff export', a copy of signoffs.jsonl or of signoffs.timestamps, a timestamp "
            "token, or git:REVISION; tsa takes the timestamps beside the log."
        ),
    ] = "",
    tsa_ca: AuthoritiesFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    outputs: Outputs = None,
) -> None:
    """Recompute everything: is it approved, by whom, and are these the bytes?"""
    from proofbook.review.command import print_verification
    from proofbook.signoff.trust import find_trust

    folder = find_named_run(outputs, run)
    trust = find_trust(signers=signers, required=require_signed, received=[folder.path])
    raise typer.Exit(
        print_verification(
            folder,
            trust=trust,
            anchor=anchor,
            tsa_ca=tsa_ca,
            allow_waivers=allow_waivers,
            as_json=as_json,
        )
    )


@app.command()
def waive(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] JOB WHAT",
            help="A run (default: latest), one of its jobs, and a question, or check:NAME for a "
            "failed check.",
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why it may be released without.")],
    until: Annotated[str, typer.Option(help="When the waiver expires: 90d, or 2026-12-31.")],
    reviewer: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    role: Annotated[str, typer.Option(help="As what.")] = "",
    key: KeyFile = None,
    signers: SignersFile = None,
    outputs: Outputs = None,
) -> None:
    """Answer for a release without an approval; it reads as waived, and never as green."""
    from proofbook.review.command import ReviewOptions, parse_until
    from proofbook.review.command import waive as write
    from proofbook.signoff.acceptance import SubmittedAnswer

    run, job, what = _run_job_and_question(words)
    options = ReviewOptions(reviewer=reviewer, role=role, key=key, signers=signers)
    answer = SubmittedAnswer(
        job=job, question=what, verdict="waived", comment=reason, expires=parse_until(until)
    )
    raise typer.Exit(write(find_named_run(outputs, run), options, answer))


@signoff_app.command("import")
def signoff_import(
    file: Annotated[Path, typer.Argument(help="What a report exported.")],
    run: RunName = "latest",
    key: KeyFile = None,
    outputs: Outputs = None,
) -> None:
    """Take the answers of a report that was filled in as a file."""
    from proofbook.review.command import import_signoffs

    raise typer.Exit(import_signoffs(find_named_run(outputs, run), file, key))


@signoff_app.command("accept")
def signoff_accept(
    files: Annotated[list[str], typer.Argument(help="Changed files, as verify names them.")],
    reason: Annotated[str, typer.Option(help="Why they may be as they are.")],
    run: NamedRun = "latest",
    reviewer: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    role: Annotated[str, typer.Option(help="As what.")] = "",
    key: KeyFile = None,
    signers: SignersFile = None,
    outputs: Outputs = None,
) -> None:
    """Answer, with a signature, for files of a run that are not as they were sealed."""
    from proofbook.review.command import ReviewOptions, accept_changes

    options = ReviewOptions(reviewer=reviewer, role=role, key=key, signers=signers)
    raise typer.Exit(accept_changes(find_named_run(outputs, run), options, files, reason))


@signoff_app.command("export")
def signoff_export(
    run: RunName = "latest",
    target: Annotated[
        Path | None, typer.Option("--to", help="File; default: standard output.")
    ] = None,
    outputs: Outputs = None,
) -> None:
    """Write every answer as an in-toto Statement in a DSSE envelope, one a line."""
    from proofbook.review.command import export_signoffs

    export_signoffs(find_named_run(outputs, run), target)


@signoff_app.command("timestamp")
def signoff_timestamp(
    tsa: Annotated[str, typer.Option(help="Address of a timestamping authority (RFC 3161).")],
    run: RunName = "latest",
    tsa_ca: AuthoritiesFile = None,
    outputs: Outputs = None,
) -> None:
    """Have a timestamping authority confirm that the log was there, as it is now.

    Its token is kept beside the log, in signoffs.timestamps; keep a copy of that elsewhere.
    """
    from proofbook.review.anchoring import timestamp

    raise typer.Exit(timestamp(find_named_run(outputs, run), tsa, tsa_ca))


@baseline_app.command("list")
def baseline_list(outputs: Outputs = None) -> None:
    """List the last approved take of each piece of evidence."""
    from proofbook.review.command import list_baselines

    raise typer.Exit(list_baselines(find_outputs(outputs), None))


@baseline_app.command("show")
def baseline_show(
    take: Annotated[str, typer.Argument(help="job/evidence, its name, or 12 digits of its hash.")],
    outputs: Outputs = None,
) -> None:
    """Show all that is known of one approved take."""
    from proofbook.review.command import list_baselines

    raise typer.Exit(list_baselines(find_outputs(outputs), take))


def _run_job_and_question(words: list[str]) -> tuple[str, str, str]:
    run, *others = words if len(words) == 3 else ["latest", *words]
    if len(others) != 2:
        raise UsageError(f"waive {' '.join(words)}: give [RUN] JOB WHAT, a job and its question")
    return run, others[0], others[1]
