"""Metrics of ranked answers, with confidence intervals, tests and calibration."""
