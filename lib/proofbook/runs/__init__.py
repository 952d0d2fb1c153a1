"""A run on disk: its layout, its records, and the verdict that they support."""
