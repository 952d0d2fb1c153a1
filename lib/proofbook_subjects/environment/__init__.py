"""A small project of a video pipeline, as a person would keep it."""
