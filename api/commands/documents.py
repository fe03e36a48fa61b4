"""`towpath openapi`: the generated documents."""
