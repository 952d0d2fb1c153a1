"""Train a DreamBooth model: ``python train_dreambooth.py --config FILE [--resume]``."""

import sys

from proofbook_subjects.dreambooth.train import main

if __name__ == "__main__":
    sys.exit(main())
