"""What to do next: the order of a release, the choice of one, and the pushes that publish."""
