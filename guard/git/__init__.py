"""Everything that reads or writes git repositories."""
