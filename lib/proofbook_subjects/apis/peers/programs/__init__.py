"""Programs that the peers' own interpreters run by path; each needs nothing of this package."""
