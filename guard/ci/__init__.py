"""What the consumer's CI files say: images, commands, the project files they build by."""
