"""What is known of items, and of what that is: a graph of triples."""
