"""What a model is shown of a history: methods with a name, and what each makes of a row."""
