"""How likely a cold start is, and what would change that."""
