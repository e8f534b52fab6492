"""What filters and neighbours let us see in a catalogue: wrong and missing values, duplicates, what is never found."""
