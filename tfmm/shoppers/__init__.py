"""Who the shoppers of a shop are: segments, what they do, whether they come back."""
