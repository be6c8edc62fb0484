"""Commands about a shop's tables."""
