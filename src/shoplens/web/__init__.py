"""The page and the search element: HTML, CSS and ES modules, with no build step."""
