"""The operations of the terminology service.

http://hl7.org/fhir/R4/terminology-service.html
"""

from typing import Final

from fhir_server.operations.terminology.closure import CLOSURE
from fhir_server.operations.terminology.expand import EXPAND
from fhir_server.operations.terminology.find_matches import FIND_MATCHES
from fhir_server.operations.terminology.lookup import LOOKUP
from fhir_server.operations.terminology.preferred_id import PREFERRED_ID
from fhir_server.operations.terminology.subsumes import SUBSUMES
from fhir_server.operations.terminology.translate import TRANSLATE
from fhir_server.operations.terminology.validate_code import OF_CODE_SYSTEM, OF_VALUE_SET

TERMINOLOGY: Final = (
    EXPAND,
    LOOKUP,
    OF_CODE_SYSTEM,
    OF_VALUE_SET,
    SUBSUMES,
    TRANSLATE,
    FIND_MATCHES,
    CLOSURE,
    PREFERRED_ID,
)
