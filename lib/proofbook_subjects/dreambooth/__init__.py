"""A DreamBooth trainer on diffusers and Accelerate: stopped anywhere, it goes on exactly.

The reference subject of the training runbooks, and a trainer in its own right. Knows nothing about
checks or notebooks.
"""
