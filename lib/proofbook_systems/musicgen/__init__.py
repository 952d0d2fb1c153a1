"""MusicGen: find or build a model, generate a clip, write it down.

A plain library over transformers. Knows nothing of checks, runs or reports.
"""
