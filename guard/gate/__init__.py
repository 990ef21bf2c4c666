"""One push judged: refs in, decision out."""
