"""Ranking: what a shopper does with an item that is shown, and how it is liked."""
