"""The old server's addresses, for clients that have not moved yet; docs/migration.md says how they do."""
