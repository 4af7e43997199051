"""What a board shows."""
