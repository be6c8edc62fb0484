"""HTML pages in one file each, which need neither a network nor another file."""
