"""``python -m proofbook_subjects.foundry``."""

from __future__ import annotations

import sys

from proofbook_subjects.foundry.cli import main

if __name__ == "__main__":
    sys.exit(main())
