"""The environment: packages, machine, folders, keys, programs and databases that work needs.

A plain library; it reports what it finds. Knows nothing of checks, runs or reports.
"""
