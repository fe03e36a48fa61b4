"""Terminals: a process of its own holds each, so that they outlive the server."""
