"""Selectors of recipes: the builds that they are fitted on are made first."""
