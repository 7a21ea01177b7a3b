"""Plots as inline SVG, drawn at the size they are shown at, so that text is never scaled."""
