"""A framework that trains small language models from a text file to a model: the reference subject
of the foundry runbooks.

Configuration, data, tokenizers, models, checkpoints, loop, command line: each is on its own below.
"""
