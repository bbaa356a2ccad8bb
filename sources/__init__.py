"""Where data comes from: one package per system."""
