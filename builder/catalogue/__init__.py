"""Catalogues of tools, one file a format."""
