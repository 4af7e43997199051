"""How forecasts and warnings are scored, whatever made them."""
