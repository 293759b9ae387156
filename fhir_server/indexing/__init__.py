"""Search parameters that come and go while the server runs: the record of them, and the job that indexes by them.

http://hl7.org/fhir/R4/searchparameter.html
"""
