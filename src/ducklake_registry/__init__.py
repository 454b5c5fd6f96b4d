"""A private container registry on Kubernetes, and the tool that keeps it healthy."""

__version__ = "0.1.0"
