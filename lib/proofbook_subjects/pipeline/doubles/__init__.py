"""Small local servers that stand in for the voice API and the posting API, with a log of calls.

GET  /health          answers at once, without a key
GET  /_double/calls   every call since the last reset: number, method, path, key, status, body
POST /_double/plan    a list of answers that the next calls get instead: {"status", "headers",
                      "body", "wait"}; one with a wait alone is answered rightly, and late
POST /_double/reset   forget calls and plan
"""
