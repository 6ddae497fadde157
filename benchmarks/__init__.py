"""What the project costs, measured beside its peers and the limits of the machine: `make bench`."""
