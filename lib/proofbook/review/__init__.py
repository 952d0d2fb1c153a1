"""Answers from people: the review server, its page, and the panel in JupyterLab."""
