"""The words: concepts, units, events, conditions, forecasts, findings, cards, alerts, and their wire form."""
