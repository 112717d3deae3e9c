"""One session, looked at: its story, where the time went, its pace, and its export to other forms."""
