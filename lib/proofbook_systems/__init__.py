"""The systems under test: plain libraries that know nothing of checks, runs or reports."""
