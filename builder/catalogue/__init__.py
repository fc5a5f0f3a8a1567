"""Catalogues of tools: one table of the formats that can be read. A further format is one file and one line here."""

from .catalogue_format import CatalogueFormat
from .embedded_catalogue import EMBEDDED_CATALOGUE
from .functions import FUNCTIONS
from .mcp_tools import MCP_TOOLS
from .openapi import OPENAPI
from .rapidapi import RAPIDAPI
from .toolbench import TOOLBENCH

# The first that fits is taken.
FORMATS: list[CatalogueFormat] = [RAPIDAPI, TOOLBENCH, EMBEDDED_CATALOGUE, MCP_TOOLS, OPENAPI, FUNCTIONS]
