"""What is put into a foreign trainer's own Python; its folder comes first in ``PYTHONPATH``.

Nothing here may import Proofbook: a trainer's environment need not have it.
"""
