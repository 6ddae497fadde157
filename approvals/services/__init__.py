"""Asking for consent, and deciding."""
