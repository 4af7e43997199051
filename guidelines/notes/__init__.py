"""What a note says."""
