"""`init`: the files of a new folder. It is a package so that it does not fill the folder of the other commands."""

from .init import Initialized, initialize

__all__ = ["Initialized", "initialize"]
