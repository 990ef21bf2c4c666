"""guard: pushing several repositories that ship together without ever breaking them."""

__version__ = "0.1.0"
