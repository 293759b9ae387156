"""A server of one's own for every test."""

from tests.interactions.conftest import client

__all__ = ["client"]
