"""PATCH in its three languages: JSON Patch, FHIRPath Patch, XML Patch. Each gives a changed copy or a FhirError.

http://hl7.org/fhir/R4/http.html#patch
"""
