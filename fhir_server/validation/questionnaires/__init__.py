"""QuestionnaireResponses held to their Questionnaires. http://hl7.org/fhir/R4/questionnaireresponse.html"""
