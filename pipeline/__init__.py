"""Standpoint's pipeline: raw news articles in, tables of who is for or against whom out."""

from pipeline.settings import choose_allocator

__version__ = "0.1.0"

choose_allocator()  # here, since it must come before pyarrow
