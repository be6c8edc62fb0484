"""Tables whose cells have types of their own: Parquet and databases."""
