"""The representations of a resource: JSON and XML, each with one strict parser and one serializer.

http://hl7.org/fhir/R4/resource-formats.html
"""
