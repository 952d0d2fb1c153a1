"""The two checklists of a content pipeline, before a release and before posting, by machine.

What a machine can try is tried: on copies of the project, with hostile input and failing APIs.
People are asked what only people can say.
"""
