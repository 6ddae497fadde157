"""Time-stamps: contract, mock, and one file per vendor."""
