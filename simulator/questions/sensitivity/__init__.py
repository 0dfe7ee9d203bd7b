"""How much of the spread comes from which assumption."""
