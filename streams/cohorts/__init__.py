"""Many stays through the same step."""
