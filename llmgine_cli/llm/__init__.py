"""Conversations with models, free of any vendor's wire format."""
