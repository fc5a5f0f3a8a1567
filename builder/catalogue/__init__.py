"""Catalogues of tools: one table of the formats that can be read. A further format is one file and one line here."""

from .catalogue_format import CatalogueFormat
from .embedded_catalogue import EMBEDDED_CATALOGUE
from .mcp_tools import MCP_TOOLS
from .rapidapi import RAPIDAPI
from .toolbench import TOOLBENCH

FORMATS: list[CatalogueFormat] = [RAPIDAPI, TOOLBENCH, EMBEDDED_CATALOGUE, MCP_TOOLS]  # the first that fits is taken
