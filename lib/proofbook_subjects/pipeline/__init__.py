"""A small pipeline from trending topics to a posted video: the reference subject.

Its commands are the thin files of ``scripts/`` in the project that ``project.py`` writes. Nothing
here imports a model library; each command starts within a third of a second.
"""
