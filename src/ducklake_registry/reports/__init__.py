"""The commands that look: each returns a frozen dataclass."""
