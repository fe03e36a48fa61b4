"""The published language: every event, request, view and problem. Types only, nothing runs."""
