"""Many models: which belong where, and what the best mix costs."""
