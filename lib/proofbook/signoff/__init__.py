"""Answers of people as data: the log, what they are bound to, seals, signatures and status."""
