"""Reading people and tenants; who may do what."""
