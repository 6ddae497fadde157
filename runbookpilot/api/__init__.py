"""The REST router: one line an app."""
