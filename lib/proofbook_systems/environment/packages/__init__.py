"""What a project declares and imports, against what its interpreter has installed."""
