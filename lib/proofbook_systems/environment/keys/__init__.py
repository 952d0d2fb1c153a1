"""Which keys a project asks for, and which are set. Values are looked at, and never kept."""
