"""Which hourly commitment is best for a demand, and what it risks."""
