"""A session in the forms that others read: markdown, a page, lines of JSON, an API's messages."""
