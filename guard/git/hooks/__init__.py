"""The hook that git runs: its text, where git looks for it, how it gets there, its health."""
