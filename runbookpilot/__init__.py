"""The composition root: settings, urls, API router, admin site, wiring, registry, command line.

Knows every app; no app imports it.
"""
