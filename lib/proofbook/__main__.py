"""``python -m proofbook``: the same as the ``proofbook`` command."""

from proofbook.cli import main

if __name__ == "__main__":
    main()
