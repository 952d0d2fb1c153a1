"""Graphics cards under a trainer: what they are, how much fits, how fast it goes.

Where there is no card, the same questions are asked of the processor.
"""
