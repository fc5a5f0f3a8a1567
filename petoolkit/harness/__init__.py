"""Tasks that other harnesses find in this package."""
