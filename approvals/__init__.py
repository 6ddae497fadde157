"""Requests for consent and the decisions on them.

Knows no execution: only a subject, a stream, and the digest of what is shown. May import `adapters` and below.
"""
