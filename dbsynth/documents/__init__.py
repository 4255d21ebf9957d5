"""Values made of values as a little database in each column: learned, and drawn."""
