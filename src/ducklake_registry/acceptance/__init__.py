"""The registry's acceptance test: named checks in six categories, each with a verdict and its evidence."""
