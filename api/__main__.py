"""`python -m api`: the command line of a checkout that is not installed."""

from api.cli import main

main()
