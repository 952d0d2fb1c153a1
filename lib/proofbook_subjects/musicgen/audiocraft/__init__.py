"""MusicGen as audiocraft writes and computes it, in plain torch.

An oracle: it shares no code with transformers and no table with the key mapping.
"""
