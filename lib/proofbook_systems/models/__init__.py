"""Try every model type of the installed transformers on small configurations and random weights."""
