"""Retrieval over the graph of users, items and features."""
