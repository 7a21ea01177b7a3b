"""Where interactions come from: public formats read from a path, and the built-in sample shop."""
