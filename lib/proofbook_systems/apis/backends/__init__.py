"""Try a client on a backend in five groups: connection, request, queue, retry, API-specific."""
