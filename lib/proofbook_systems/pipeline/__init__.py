"""A content pipeline, from trends to a film: its stages are run, and what they leave is judged.

Any pipeline: each stage is a command line, and what it leaves is found by declared paths. Knows
nothing about the programs behind the commands.
"""
