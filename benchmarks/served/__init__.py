"""How long the served forecaster takes."""
