"""Put a server under load, and say what its users would feel. Knows no protocol."""
