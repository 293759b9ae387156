"""FHIR packages (implementation guides as .tgz): installed into the store, listed, removed. http://hl7.org/fhir/R4/packages.html"""
