"""From events to series of periods, and what is known of each period."""
