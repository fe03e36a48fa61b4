"""The rules of sessions, turns, operations and approvals, and the ports they need. No framework, no I/O."""
