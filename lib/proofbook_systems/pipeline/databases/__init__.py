"""A pipeline's SQLite databases, tried through its own commands in copies of its project.

Each trial starts the stages for real, and is judged by what the files then hold. Knows nothing of
what the rows mean beyond the names of tables and columns that were declared.
"""
