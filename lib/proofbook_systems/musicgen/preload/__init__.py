"""Bring models into a cache, whole, once, and verify what is there.

Knows nothing about what is computed with them.
"""
