"""Puts the hook in, proves that git reaches it, and knows other tools' hooks."""
