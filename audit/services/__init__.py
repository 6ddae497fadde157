"""Verifying and exporting the journal."""
