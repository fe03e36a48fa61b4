"""The commands, one module per subject; each imports what it needs when it runs, so that help is quick."""
