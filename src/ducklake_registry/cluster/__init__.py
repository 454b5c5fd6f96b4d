"""Kubernetes, kind and the nodes: everything that `dlr` knows of a cluster."""
