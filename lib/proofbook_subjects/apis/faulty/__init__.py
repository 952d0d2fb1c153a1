"""A server of LLM APIs that misbehaves on demand, and keeps count of what its clients do.

    python -m proofbook_subjects.apis.faulty --port 8000 --control-port 8001 --protocol openai_api

It answers rightly in a protocol of its own choice, or passes everything through to a real server,
until a plan that is posted to its control port says what goes wrong: below HTTP (refused, reset,
cut, hanging connections) and above (errors, broken streams, answers that are none). Its log of
calls is the evidence: each call's times, and how many were in flight.
"""
