"""A program of someone else's, started so that it ends with whoever started it, however that ends.

A supervisor, a small process of its own, stands between: it keeps the program's output in a log,
tells how it ended, and when its owner lets go or dies, ends the program with all that descends
from it and removes its temporary folders. Knows nothing about what the program does.
"""

from proofbook.processes.supervised import Supervised, supervise
from proofbook.processes.termination import Ending

__all__ = ["Ending", "Supervised", "supervise"]
