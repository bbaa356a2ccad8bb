"""Builds on a Spark cluster. `make test-spark` runs them in an environment with PySpark."""
