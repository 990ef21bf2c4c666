"""Two hundred fixed ways to break guard, and a test for each that turns red."""
