"""What the consumer's CI files say: the images they pick, and the commands they run."""
