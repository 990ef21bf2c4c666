"""What a user can ask for, one verb a file.

A module gives ``arguments(parser)``, which declares its options, and ``run(options, screen)``,
which does the work and returns the exit status.
"""
