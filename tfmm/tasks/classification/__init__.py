"""Classification: labels and tags of items, from words, pictures and whatever else is known."""
