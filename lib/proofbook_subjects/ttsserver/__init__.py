"""A small server with Voicebox's contract, to be frozen and tested: the reference subject.

Imports nothing of Proofbook beyond itself, so that the frozen file stays small. Its seven engines
are small synthesizers; its queue, database, models, watchdog and event streams are real.
"""
