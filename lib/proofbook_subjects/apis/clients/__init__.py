"""Client libraries of others as clients under test: a driver each, in an environment of its own.

A driver calls its library as the library's own documentation shows, changes nothing of how it
waits or retries, and passes on what a caller would see.
"""
