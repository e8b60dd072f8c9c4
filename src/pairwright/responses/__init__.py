"""The response store, and everything between a builder's question and a sampler.

``asking`` is the door: it looks every request up in the ``store``, asks the model only for what is missing, keeps the
``budget``, and stores each answer before it hands it on.
"""
