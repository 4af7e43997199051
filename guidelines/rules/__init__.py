"""Conditions as a graph of shared nodes, each answered once and again only when its answer can have changed."""
