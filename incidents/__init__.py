"""Alerts as they come in, and the incidents that people declare and work.

Owns alerts, their sources, incidents. May import `adapters` and below.
"""
