"""What a ranker reads: labels, parts, examples, histories, rates."""
