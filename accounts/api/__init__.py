"""Authentication and the base of every endpoint that belongs to a tenant."""
