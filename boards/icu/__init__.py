"""The data summary of one bed."""
