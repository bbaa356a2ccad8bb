"""Claims about the DAGs, tried with Airflow itself in an environment of its own: `make test-airflow`."""
