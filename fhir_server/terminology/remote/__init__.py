"""A terminology server elsewhere, asked for code systems and value sets that are not known here.

http://hl7.org/fhir/R4/terminology-service.html
"""
