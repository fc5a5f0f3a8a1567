"""Which tools of a catalogue do the same job, and can stand in for one another."""
