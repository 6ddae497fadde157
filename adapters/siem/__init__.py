"""Log search: contract, mock, and one file per vendor."""
