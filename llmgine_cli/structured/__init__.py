"""Answers of a form: where the form is read from, how a model is told, and whether an answer has it."""
