"""What is tested when a user brings nothing: small real programs and models, each on its own."""
