"""GPUs: what they are, and whether torch uses them and computes right on them."""
