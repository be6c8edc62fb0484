"""What models over a catalogue's items share: vectors that are kept, an index, answers."""
