"""The commands that change something: each a list of steps that can be run again."""
