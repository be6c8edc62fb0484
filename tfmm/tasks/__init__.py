"""What models are for: a folder a task, behind one contract (`tfmm.tasks.base`)."""
