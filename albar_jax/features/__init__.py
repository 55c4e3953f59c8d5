"""Windows of long films, and sets of their features (numpy only)."""
