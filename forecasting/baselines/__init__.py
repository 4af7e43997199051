"""Forecasters without a network."""
