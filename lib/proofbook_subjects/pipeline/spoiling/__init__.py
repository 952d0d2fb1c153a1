"""What each fault of ``faults.py`` does to an artefact that was right: one module a stage."""
