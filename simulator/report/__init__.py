"""What a study found, for people and for programs: text, Markdown, JSON, CSV, figures and one HTML page."""
