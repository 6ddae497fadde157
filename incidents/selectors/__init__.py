"""What incidents tell: their timeline and their times."""
