"""Benchmarks; each prints its numbers with the machine and the date."""
