"""Frameworks, controls, coverage and evidence bundles over REST; the public keys."""
