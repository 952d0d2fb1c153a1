"""Run a project's own tests: what passed, how long it took, how much of the source it reached."""
