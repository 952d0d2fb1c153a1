"""The interpreter of a project: where it is, and what is installed in it by its own account."""
