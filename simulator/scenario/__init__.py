"""The scenario file: its fields, its reading with line and column, overrides, and the published schema."""
