"""Any server as a black box: launched, asked for its health, watched, started again, ended.

The subject is a command line and an address on the loopback interface. Knows no server's contract
beyond its health, and nothing about checks or notebooks.
"""
