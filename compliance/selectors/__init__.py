"""Reading frameworks, coverage and bundles."""
