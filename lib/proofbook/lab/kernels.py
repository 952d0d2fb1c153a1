"""Where the lab's kernels work, and with which environment.

A job's working copy gets the job's environment and a temporary folder of its own. The kernel of a
record works in an empty folder, as what a cell writes there must not become part of the record.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Unicode

from proofbook.lab.copies import read_origin
from proofbook.lab.protection import run_of
from proofbook.processes.temporary import TEMPORARY

__all__ = ["LabKernels"]


class LabKernels(AsyncMappingKernelManager):  # type: ignore[misc]  # jupyter_server is untyped here
    """The kernels of ``proofbook lab``."""

    temporary = Unicode(config=True, help="The folder that is removed when the lab ends.")

    def cwd_for_path(self, path: str, **options: Any) -> str:
        """Return the folder that a kernel works in; for a record, an empty one."""
        folder = str(super().cwd_for_path(path, **options))
        is_record = run_of(Path(folder), Path(self.root_dir)) is not None
        return self._new_folder("record-") if is_record else folder

    async def start_kernel(
        self, *, kernel_id: str | None = None, path: str | None = None, **options: Any
    ) -> str:
        """Start a kernel; one in a working copy's folder as the job's was started."""
        folder = Path(super().cwd_for_path(path or ""))
        is_record = run_of(folder, Path(self.root_dir)) is not None
        origin = None if is_record else read_origin(folder)
        if origin is not None:
            environment = {**(options.get("env") or os.environ), **origin.environment}
            environment["PROOFBOOK_PROJECT"] = self.root_dir
            environment["TMPDIR"] = self._new_folder("job-")
            environment[TEMPORARY] = self.temporary
            options["env"] = environment
        started: str = await super().start_kernel(kernel_id=kernel_id, path=path, **options)
        return started

    def _new_folder(self, prefix: str) -> str:
        return tempfile.mkdtemp(prefix=prefix, dir=self.temporary)
