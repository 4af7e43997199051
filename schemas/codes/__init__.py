"""The closed lists: concepts, drugs, units."""
