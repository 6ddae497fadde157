"""Threat intelligence: contract, mock, and one file per vendor."""
