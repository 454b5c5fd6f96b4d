"""The registry's doctor: looks along the whole way to it, link by link, and says what to type."""
