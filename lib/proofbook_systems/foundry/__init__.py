"""Judge what concerns language models alone: texts, tokens, chunks, batches, generated text.

Knows nothing about any one framework. Trainers are started through ``proofbook_systems.training``.
"""
