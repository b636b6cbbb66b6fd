"""Architectures against each other: statistics over seeds, fronts of cost and accuracy, tables; no MLflow, no pictures."""
