"""Texts of a shop: reviews, and what shoppers ask for."""
