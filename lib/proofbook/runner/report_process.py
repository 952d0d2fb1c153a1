"""Write a run's report in a process of its own, so that a large one takes no memory of the runner.

The process ends with its report, also where the runner is gone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from proofbook.errors import ProofbookError
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.trust import EVERYBODY, Trust, find_trust

__all__ = ["main", "write_report_apart"]

_MODULE = "proofbook.runner.report_process"  # this one is called __main__ in the new process
_NOT_WRITTEN = 74  # EX_IOERR of sysexits.h


def write_report_apart(run: RunFolder, *, trust: Trust = EVERYBODY) -> Path:
    """Write the report as :func:`proofbook.report.write_report` does, in a new process.

    Args:
        run: Its folder.
        trust: Whose answers count; of a signers file.

    Raises:
        OSError: The report cannot be written.
        ProofbookError: The process failed otherwise; the end of what it printed is in the message.
    """
    ended = subprocess.run(
        [sys.executable, "-m", _MODULE, str(run.path), *([str(trust.file)] if trust.file else [])],
        capture_output=True,
        text=True,
        check=False,
        process_group=0,  # a Ctrl-C is for the runner, which cancels and then writes the report
    )
    if ended.returncode == _NOT_WRITTEN:
        raise OSError(*json.loads(ended.stdout))
    if ended.returncode != 0:
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
        raise ProofbookError(f"the report of {run.path} could not be written: {last[0]}")
    return Path(ended.stdout.strip())


def main(folder: Path, signers: Path | None = None) -> int:
    """Write the report of a run folder, and print where it is; return the exit code."""
    trust = find_trust(signers=signers) if signers else EVERYBODY
    try:
        sys.stdout.write(str(write_report(RunFolder(folder), trust=trust)))
    except OSError as error:
        sys.stdout.write(json.dumps([error.errno, error.strerror, str(error.filename or folder)]))
        return _NOT_WRITTEN
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(word) for word in sys.argv[1:])))
