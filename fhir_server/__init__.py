"""A standards-first FHIR R4 (4.0.1) server."""
