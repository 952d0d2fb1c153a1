"""What executes jobs: the interface of an executor, and its implementations."""
