"""Where models are served: one adapter for each wire format, vendors as data.

Only this package knows HTTP and wire formats. `presets` says who the vendors are, `catalog` turns `provider:model` into
a model that can be called, `chat` and `anthropic` translate, `http` and `sdk` carry the bytes, `faults` turns what goes
wrong into errors of ours. Importing the package imports none of them.
"""
