"""Endpoint detection and response: contract, mock, and one file per vendor."""
