"""Protocol doubles: one small server a protocol, for services that cannot be had offline.

Each follows the public reference of its service: fields, errors, forms of streams. What it says is
an echo, and every answer is marked with the header ``X-Proofbook-Double``, so that none is taken
for the service's own.
"""
