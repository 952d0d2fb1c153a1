"""Plan, execute, collect: from a profile to a finished run folder."""
