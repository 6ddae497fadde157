"""Approval requests over REST."""
