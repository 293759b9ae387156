"""Tests of the remote terminology server's side of the terminology room."""
