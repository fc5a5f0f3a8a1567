"""Prompts for rows, shortened to a window of tokens."""
