"""Any trainer as a black box: launched, followed, interrupted, resumed, compared, measured.

The subject is a command line, a folder where checkpoints appear, and what it prints. Knows nothing
of what is trained, and nothing about checks or notebooks.
"""
