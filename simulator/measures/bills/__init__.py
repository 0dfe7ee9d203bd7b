"""Lines of the bill, one module for each way to charge."""
