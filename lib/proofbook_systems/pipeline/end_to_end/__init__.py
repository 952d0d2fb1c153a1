"""The eight steps of the checklist, from the environment to the rows that a film leaves.

One module judges what one stage leaves; ``steps`` and ``last_steps`` run the stages, ``walk`` keeps
how far a film has come.
"""
