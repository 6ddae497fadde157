"""Writing people, tenants, tokens and stops."""
