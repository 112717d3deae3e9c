"""Prompt templates: markdown files with placeholders, found, parsed and filled in."""
