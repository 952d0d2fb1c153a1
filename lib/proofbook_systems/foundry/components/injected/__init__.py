"""Programs that run inside the interpreter of the project under test; they import only its own."""
