"""The start of the command `intercom-warehouse`."""

import gc
import os
import sys

INTERRUPTED = 130
"""As a shell has it. The exit codes of `pipelines.errors` are not imported yet."""


def main() -> None:
    """Imports the command line and runs it.

    The garbage collector is off during the imports, and skips what they made: it would take a twentieth of the CPU of
    a sync that finds no change.
    """
    os.environ.pop("SSLKEYLOGFILE", None)  # libraries would write the keys of TLS to it, from their import on
    for name in [name for name in os.environ if name.startswith("DLT_")]:
        del os.environ[name]  # dlt reads them when it is imported; they are meant for another project
    gc.disable()
    try:
        from .cli import main as run

        gc.freeze()
        gc.enable()
        run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
