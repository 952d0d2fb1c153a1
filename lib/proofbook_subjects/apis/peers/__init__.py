"""Real servers of others, each in an environment of its own, started on the loopback interface."""
