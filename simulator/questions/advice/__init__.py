"""What the numbers of a study advise, in words."""
