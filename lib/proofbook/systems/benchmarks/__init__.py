"""Benchmarks: two sides measured in turns on one machine, and what came of it.

A plain library; it times commands and kernels that it is given. Knows nothing of checks, runs or
reports.
"""
