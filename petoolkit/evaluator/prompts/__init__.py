"""What a model is asked about a row, fitted to its window."""
