"""What `make bench` measures: time, calls and memory, compared with lower bounds and with other tools."""
