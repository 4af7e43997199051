"""The model: the forecaster contract, its implementations, fitting and evaluation."""
