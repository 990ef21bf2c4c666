"""What pushes come to through the real hook, recorded shape by shape in `outcomes.txt`.

A shape is a function that arranges a `Scene` and pushes once. Modules named `shapes_*` hold them,
one subject a module. `python -m tests.golden` writes the recorded outcomes anew.
"""
