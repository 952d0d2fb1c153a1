"""Programs that are run by the interpreter of an environment of their own."""
