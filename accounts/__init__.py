"""People, tenants, environments, roles and tokens; who may do what.

Owns the tenant that every governed row belongs to. May import `audit` and `core`.
"""
