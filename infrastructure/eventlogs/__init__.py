"""Event logs, one module per store."""
