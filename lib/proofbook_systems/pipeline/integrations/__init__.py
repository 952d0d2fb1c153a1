"""A pipeline among APIs that misbehave: what its stages do, how often they call, what they leave.

The stages are the pipeline's own commands; they are pointed at servers of this machine by their
environment or their arguments. Knows nothing about the programs behind the commands.
"""
