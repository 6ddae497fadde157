"""Directories of users: contract, mock, and one file per vendor."""
