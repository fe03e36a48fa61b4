"""HTTP in, HTTP out: routes, streams, gates, wiring and the command line."""
