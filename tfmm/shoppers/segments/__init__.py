"""Shoppers in groups: by recency, frequency and value, and by what a model learned of them."""
