"""Reviews: how shoppers feel, and about what."""
