"""The terminology server that the settings name.

http://hl7.org/fhir/R4/terminology-service.html
"""

from dataclasses import replace
from hashlib import blake2b
from typing import Final

from fhir_server.outbound import Failed, Rules, rules, target
from fhir_server.settings import SettingError, Settings
from fhir_server.terminology.remote.asking import AT_ONCE, NOBODY, Nobody, Remote

MOST_BYTES: Final = 16 * 2**20
"""Of one answer."""


def configured(settings: Settings, key: bytes) -> Nobody:
    """The terminology server to ask, NOBODY where none is named. `key` is this database's own, and tells it from others.

    Raises SettingError.
    """
    if not settings.terminology_url:
        return NOBODY
    from fhir_server.outbound.client import Client  # noqa: PLC0415 - most servers have none, and it takes long to import

    name = f"fhir-server-{blake2b(key, digest_size=8, person=b'via').hexdigest()}"
    return Remote(
        settings.terminology_url,
        Client(checked(settings)),
        systems=[each.strip() for each in settings.terminology_systems.split(",") if each.strip()],
        cache=settings.terminology_cache,
        age=settings.terminology_cache_age,
        own=name,
    )


def checked(settings: Settings) -> Rules:
    """What the client for it may do. Raises SettingError where the settings cannot be understood, or name a target that may
    not be called.
    """
    found = rules(settings, "terminology")
    url = settings.terminology_url
    if not url:
        return found
    if "?" in url:
        raise SettingError(f"FHIR_TERMINOLOGY_URL={url}: expected a FHIR base URL, without a query")
    try:
        origin = target(url).origin
        found.require(origin)
    except Failed as error:
        raise SettingError(f"FHIR_TERMINOLOGY_URL: {error} (FHIR_OUTBOUND_INTERNAL=terminology=[origin] allows what is inside the network)") from error  # fmt: skip
    credentials = {origin: settings.terminology_authorization} if settings.terminology_authorization else {}
    timeout = settings.terminology_timeout
    return replace(
        found,
        credentials=credentials,
        connect=min(found.connect, timeout),
        total=timeout,
        most=MOST_BYTES,
        connections=AT_ONCE,
    )
