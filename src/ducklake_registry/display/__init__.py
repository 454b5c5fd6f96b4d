"""What people see: progress on stderr, results on stdout, in tables or in words for machines."""

from ducklake_registry.display.output import OutputFormat, emit
from ducklake_registry.display.terminal import Terminal

__all__ = ["OutputFormat", "Terminal", "emit"]
