"""Models on engines that run in this process. `make test-dialects` runs them in an environment of its own."""
