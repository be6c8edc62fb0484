"""Retrieval: which items of the catalogue a shopper, a session or a query should see."""
