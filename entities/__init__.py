"""The graph: nodes and typed links between everything that records speak of.

Owns nodes and links, written by whoever learns the fact. May import `accounts`, `audit` and `core`.
"""
