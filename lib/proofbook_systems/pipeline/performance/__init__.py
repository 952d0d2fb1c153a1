"""How long a pipeline's stages take, and what its quicker forms gain. Judges no content."""
