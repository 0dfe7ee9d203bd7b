"""Measures of one replication, their intervals over replications, objectives, and the bill."""
