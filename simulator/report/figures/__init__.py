"""Figures, each a function of plain arrays; Matplotlib is imported when the first one is drawn."""
