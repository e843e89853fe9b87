"""Functions of NumPy that are compositions of ops, a file per family; `fastgrad.numpy` gathers them."""
