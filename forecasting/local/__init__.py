"""What one hospital adds to the fitted model from its own past: how its chances are set right, what it was taught."""
