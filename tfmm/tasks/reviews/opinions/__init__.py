"""Pros and cons: what a shop's reviews say of each product, by aspect."""
