"""Search trees as SQL, for every store with the relational layout."""
