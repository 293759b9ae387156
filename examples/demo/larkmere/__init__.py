"""Larkmere, an invented hospital group in an invented town at the western edge of London, and the people it cares for."""
