"""Tests: plain modules; what they share stands in tests.factories, tests.fakes and tests.ports."""
