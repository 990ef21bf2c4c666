"""What is: the facts about the three repositories, gathered for the rules."""
