"""Builds a combination, tests it, records what that gave, publishes the image."""
