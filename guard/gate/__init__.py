"""One push judged: refs in, decision out; and pushes that went past it."""
