"""One module per adapter of a port; adapters do not know each other."""
