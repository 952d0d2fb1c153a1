"""The Python sources of a project: which they are, what they import and use. Nothing is run."""
