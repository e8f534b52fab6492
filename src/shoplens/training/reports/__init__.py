"""The HTML reports of trainings, each with a JSON file beside it."""
