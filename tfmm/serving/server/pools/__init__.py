"""Where runs wait for a thread, alone or merged into batches."""
