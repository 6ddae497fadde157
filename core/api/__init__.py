"""What every REST endpoint shares: problem documents, pages, parsers, schema."""
