"""What is run: the command line, the sync, the models, publishing."""
