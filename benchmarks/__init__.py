"""What `make bench` measures: time, calls and memory, beside what nobody can beat."""
