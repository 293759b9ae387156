"""Releases of code systems (LOINC, SNOMED CT, RxNorm, ICD-10, tables of one's own) read from their files and brought into the store."""
