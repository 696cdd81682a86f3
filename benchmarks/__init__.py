"""cofactor against its peers: same data, start and threads, in alternation, results compared."""
