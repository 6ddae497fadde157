"""The playbook format: loader, schema, expressions, templates and checks.

Pure: text in, frozen objects and problems out. No Django, no clock, no network, no adapter.
"""
