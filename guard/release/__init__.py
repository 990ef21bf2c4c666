"""A release in the right order: what is done, what comes next, and each step done."""
