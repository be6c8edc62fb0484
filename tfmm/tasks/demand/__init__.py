"""Demand: how much of what will sell, and how much of it to order."""
