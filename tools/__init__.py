"""Scripts that make files of the code: `make generated` runs those whose files are kept."""
