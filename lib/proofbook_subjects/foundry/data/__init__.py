"""From raw texts to batches, in steps that can each be looked at."""
