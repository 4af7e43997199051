"""The published tasks that forecasts and warnings are measured on, each a function from data to a report."""
