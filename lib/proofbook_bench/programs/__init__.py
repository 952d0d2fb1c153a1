"""What is measured in a process of its own: ``python -m proofbook_bench.programs.NAME``."""
