"""What is said of a patient: findings, scores, forecasts, cards, alerts."""
