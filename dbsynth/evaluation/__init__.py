"""How like its source a synthetic database is: fidelity, utility and privacy, measured."""
