"""Alerts as data: how a body is read, cleaned, normalised and understood. Pure functions."""
