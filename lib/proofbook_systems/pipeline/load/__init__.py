"""A pipeline under load: many films at once, workers killed at random, resumed in the middle.

Knows nothing about what a film is made of: it runs the stages, and counts what they leave.
"""
