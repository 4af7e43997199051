"""The board of the nursing station."""
