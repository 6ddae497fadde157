"""The asset inventory: contract, mock, and one file per vendor."""
