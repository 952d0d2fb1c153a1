"""Benchmarks: two sides measured in turns on one machine, and what came of it.

A plain library; it times commands and kernels that it is given. Knows nothing of checks, runs or
reports.
"""

from proofbook_bench.commands import find_command, run_command, run_commands
from proofbook_bench.drawing import draw_sides
from proofbook_bench.killing import Killed, kill_at_random
from proofbook_bench.outcomes import count_kernels
from proofbook_bench.pairs import Pairs, alternate, named, repeat, seconds, summarise
from proofbook_bench.projects import open_bench, runbook_defaults, warm_forkserver
from proofbook_bench.sessions import time_first_cell, weigh_kernels

__all__ = [
    "Killed",
    "Pairs",
    "alternate",
    "count_kernels",
    "draw_sides",
    "find_command",
    "kill_at_random",
    "named",
    "open_bench",
    "repeat",
    "run_command",
    "run_commands",
    "runbook_defaults",
    "seconds",
    "summarise",
    "time_first_cell",
    "warm_forkserver",
    "weigh_kernels",
]
