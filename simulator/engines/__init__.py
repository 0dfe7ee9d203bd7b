"""The two engines: one pool and one demand in, one row per request out."""
