"""The doctor: problems of a catalogue such as wrong values, missing values, duplicates and products never found."""
