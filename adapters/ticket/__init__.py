"""Tickets: contract, mock, and one file per vendor."""
