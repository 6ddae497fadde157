"""Who a user is: contract, mock, and one file per vendor."""
