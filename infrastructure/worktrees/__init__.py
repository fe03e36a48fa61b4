"""Checkouts of their own for sessions, made and compared by git."""
