"""Reading the graph."""
