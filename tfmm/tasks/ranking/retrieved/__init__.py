"""What a ranker reads of a retrieval run: its vectors, and what it would have found."""
