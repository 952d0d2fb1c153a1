"""Train a language model: ``python foundry.py --help`` names the commands."""

import sys

from proofbook_subjects.foundry.cli import main

if __name__ == "__main__":
    sys.exit(main())
