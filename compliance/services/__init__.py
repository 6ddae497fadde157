"""Importing frameworks, mapping playbooks, capturing evidence, sealing and verifying bundles."""
