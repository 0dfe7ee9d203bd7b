"""A study: replications of one scenario, on one process or many, what they say together, and how they are kept."""
