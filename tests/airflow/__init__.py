"""Claims about the DAGs, tested with Airflow in its own environment: `make test-airflow`."""
