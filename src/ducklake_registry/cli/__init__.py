"""The command line: options in, a workflow or a report, and its display out."""
