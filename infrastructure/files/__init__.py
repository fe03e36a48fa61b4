"""Files of the workspaces: read without being led astray, changed all or none, and put back."""
