"""Kernels are timed and weighed through jupyter_client, and always ended."""

from __future__ import annotations

import os
import sys
from typing import Any

import psutil
import pytest
from jupyter_client.manager import AsyncKernelManager

from proofbook.errors import SubjectError
from proofbook_bench.sessions import time_first_cell, weigh_kernels

pytestmark = pytest.mark.slow


@pytest.fixture
def kernel() -> Any:
    return AsyncKernelManager(kernel_name="python3")


def has_ended(manager: Any) -> bool:
    pid = manager.provisioner.pid
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_first_cell_takes_time_and_the_kernel_ends(kernel: Any):
    assert 0.05 < time_first_cell(kernel, os.environ) < 60
    assert has_ended(kernel)


def test_a_cell_that_raises_has_no_time(kernel: Any):
    with pytest.raises(SubjectError, match="ZeroDivisionError"):
        time_first_cell(kernel, os.environ, "1 / 0")
    assert has_ended(kernel)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells proportional memory")
def test_what_the_cell_holds_is_weighed(kernel: Any):
    megabytes = weigh_kernels([kernel], os.environ, "held = bytearray(300_000_000)")
    assert 300 < megabytes < 600
    assert has_ended(kernel)
