"""What answers are made from: products and what finds them, questions of service, reviews."""
