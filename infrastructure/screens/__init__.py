"""What terminals show: an emulator in a process of its own."""
