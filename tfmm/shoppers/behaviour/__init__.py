"""What shoppers do: the funnel, cohorts, what is bought together, gaps between purchases."""
