"""Where an address is: contract, mock, and one file per vendor."""
