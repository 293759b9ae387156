"""The operations of the terminology service: $expand, $lookup, $validate-code, $subsumes, $translate.

http://hl7.org/fhir/R4/terminology-service.html
"""

from typing import Final

from fhir_server.operations.terminology.expand import EXPAND
from fhir_server.operations.terminology.lookup import LOOKUP
from fhir_server.operations.terminology.subsumes import SUBSUMES
from fhir_server.operations.terminology.translate import TRANSLATE
from fhir_server.operations.terminology.validate_code import OF_CODE_SYSTEM, OF_VALUE_SET

TERMINOLOGY: Final = (EXPAND, LOOKUP, OF_CODE_SYSTEM, OF_VALUE_SET, SUBSUMES, TRANSLATE)
