"""Questions, and the answers of people, bound to the bytes that they were given for."""
