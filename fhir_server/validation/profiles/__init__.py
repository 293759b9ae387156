"""Profiles: what StructureDefinitions demand beyond R4's own definitions. http://hl7.org/fhir/R4/profiling.html"""
