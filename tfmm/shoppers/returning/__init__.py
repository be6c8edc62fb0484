"""Whether shoppers come back within a horizon, and what they are worth then."""
