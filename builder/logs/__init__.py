"""Logs of real tool calls -> a benchmark. A further form of logs is one file, and one line in `log_files.FORMS`."""
