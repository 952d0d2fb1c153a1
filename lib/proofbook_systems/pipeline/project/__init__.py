"""The pipeline under test, as its parameters declare it."""
