"""A frozen text-to-speech server, end to end: find it, start it, have it speak, judge it, end it.

Works on any server with Voicebox's contract. Knows nothing about checks or notebooks.
"""
