"""The start of the command `intercom-warehouse`."""

from .cli import main

if __name__ == "__main__":
    main()
