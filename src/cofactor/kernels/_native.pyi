"""The compiled kernels: one submodule, specified in `reference`, for every instruction set."""

supported: tuple[str, ...]
