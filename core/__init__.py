"""What every app stands on: clock, ids, canonical JSON, errors, redaction, tasks, API basics.

Owns no models and imports no other app of the project.
"""
