"""The way back to a combination that is known to work."""
