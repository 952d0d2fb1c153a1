"""Checkpoints: planned, taken, written in the background, found and put back."""
