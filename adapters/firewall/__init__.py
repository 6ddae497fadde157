"""Firewalls: contract, mock, and one file per vendor."""
