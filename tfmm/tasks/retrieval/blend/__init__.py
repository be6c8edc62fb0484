"""What joins a learned model's scores in one inner product: EASE, and what is popular now."""
