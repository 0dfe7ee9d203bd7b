"""Where along a value the cheapest eligible endpoint changes."""
