"""A finished film against its time-line and its images; and the sounds that it is made of.

``judging.judge_film`` and ``linesounds.judge_sounds`` are the entries. Knows nothing about who
assembled the film.
"""
