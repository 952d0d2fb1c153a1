"""What the runbooks on APIs are tried on: a client, servers, and a server that misbehaves."""
