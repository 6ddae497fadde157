"""The console's pages: governed records to read and act on. Each page reads what its user may see and calls one service."""
