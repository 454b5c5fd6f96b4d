"""A small lake: records go into objects of an S3 store, and a catalog in PostgreSQL knows which there are."""

VERSION = "1.0.0"
