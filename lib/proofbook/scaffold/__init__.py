"""Projects of one's own: what ``proofbook init`` writes, and what it copies out of the package."""
