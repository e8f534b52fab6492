"""The catalogue on a plane."""
