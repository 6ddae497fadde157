"""Writing nodes and links."""
