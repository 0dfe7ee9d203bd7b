"""The cheapest configuration that meets the objectives."""
