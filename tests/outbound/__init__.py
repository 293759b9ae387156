"""Tests of the outbound room."""
