"""The process that listens: one module for each trained model, weights in, plain numbers out.

What is imported here is installed with the extra ``real``. The models take mono samples at 16 kHz
or text. None knows about scripts, lines or verdicts.
"""
