"""What a project's own files name, as parameters that a person may take over."""
