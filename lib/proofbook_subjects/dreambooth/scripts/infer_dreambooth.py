"""Draw with a trained model: ``python infer_dreambooth.py --model DIR --prompt TEXT``."""

import sys

from proofbook_subjects.dreambooth.infer import main

if __name__ == "__main__":
    sys.exit(main())
