"""Supervision of child processes: spawn, limit, end with everything they started."""
