"""Functions as tools: what a model is told of them, whether they may run, and running them."""
