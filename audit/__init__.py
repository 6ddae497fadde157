"""The journal: what happened, in order, for certain; and the deliveries that follow from it.

Owns entries, their chain, deliveries. Nobody else touches these tables: other apps append through `audit.journal`
and read through `audit.selectors`. Keeps tenant, actor and subject as plain ids, so that it depends on no app but `core`.
"""
