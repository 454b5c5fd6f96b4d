"""`python -m ducklake_registry` is `dlr`."""

from ducklake_registry.cli.main import main

main()
