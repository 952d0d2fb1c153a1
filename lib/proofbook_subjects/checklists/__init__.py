"""A small film and its caption, as a pipeline would hand them to a checklist."""
