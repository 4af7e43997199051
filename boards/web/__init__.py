"""The web application of the boards."""
