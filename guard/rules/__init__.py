"""One rule a file: a pure function from facts to findings. `rulebook` lists them."""
