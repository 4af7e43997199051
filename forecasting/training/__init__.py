"""How forecasters are fitted."""
