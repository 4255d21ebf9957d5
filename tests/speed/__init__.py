"""How fast rows are made and written: raw copies, dbsynth and peers, one after another."""
