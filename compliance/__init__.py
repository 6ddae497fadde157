"""Frameworks, controls and mappings; evidence bundles and their proof.

Reads what every other app recorded. May import `playbooks_app` and below.
"""
