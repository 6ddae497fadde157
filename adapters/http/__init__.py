"""Any REST API: contract, mock, and one file per vendor."""
