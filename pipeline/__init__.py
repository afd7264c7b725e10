"""Standpoint's pipeline: raw news articles in, tables of who is for or against whom out."""

__version__ = "0.1.0"
