"""Tool documents -> benchmark, in eight stages (see `builder.pipeline`)."""
