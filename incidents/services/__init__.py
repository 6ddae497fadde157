"""Taking alerts in, and working incidents."""
