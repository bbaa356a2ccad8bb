"""The command `intercom-warehouse`, by a name that the clone and the wheel share."""

from pipelines.__main__ import main

if __name__ == "__main__":
    main()
