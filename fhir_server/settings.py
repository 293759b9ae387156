"""Every knob of the server: name, type, default, one line of help. Environment variables `FHIR_<NAME>` set them.

`fhir-server settings` prints this table; a test fails when a setting is missing from the documentation.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any

PREFIX = "FHIR_"


def knob(default: Any, help_: str, *, least: int = 0, most: float = inf) -> Any:
    """A setting; a number must lie between `least` and `most`."""
    return field(default=default, metadata={"help": help_, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force. Sizes are bytes, times are seconds."""

    store: str = knob(
        "sqlite:///fhir.db", "where resources are kept: sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    )
    host: str = knob("127.0.0.1", "address to listen on")
    port: int = knob(8000, "port to listen on", most=65535)
    workers: int = knob(1, "worker processes", least=1)
    base_url: str = knob(
        "", "public base URL of the FHIR API, e.g. https://fhir.example.org/fhir; empty: http://HOST:PORT/fhir"
    )
    auth: str = knob("none", "who may do what: none (everybody, loopback only); smart comes with SMART on FHIR")
    allow_open: bool = knob(False, "let --auth none listen on an address other than loopback")
    demo: bool = knob(False, "load the demo data into an empty store at start")
    update_as_create: bool = knob(True, "PUT to an id that does not exist creates the resource")
    referential_integrity: bool = knob(
        False, "refuse references to what does not exist, and deleting what is referred to"
    )
    purge: bool = knob(False, "let DELETE [type]/[id]/_history and DELETE …/_history/[vid] remove versions for good")
    validation: str = knob(
        "profiles",
        "what writes are held to: structure, invariants (and extensions), or profiles (claimed in meta.profile, too)",
    )
    required_profiles: str = knob(
        "", "profiles that all resources of a type follow: Patient=http://…/us-core-patient,Observation=…"
    )
    require_if_match: bool = knob(False, "refuse updates and patches without If-Match (428)")
    handling: str = knob("strict", "unknown search parameters: strict refuses (400), lenient ignores and says so")
    conditional_delete_multiple: int = knob(
        100, "how many resources one conditional delete may remove; 1 refuses several"
    )
    default_count: int = knob(20, "page size where _count is absent")
    max_count: int = knob(1000, "largest page size; a larger _count is cut to it")
    max_includes: int = knob(1000, "most resources that _include and _revinclude add to one page")
    max_chain: int = knob(8, "most chains and reverse chains (_has) within one another", most=32)
    max_body: int = knob(16 * 2**20, "largest request body after decompression")
    max_bundle: int = knob(32 * 2**20, "largest batch or transaction body after decompression")
    max_entries: int = knob(10_000, "most entries of a batch or transaction")
    max_package: int = knob(32 * 2**20, "largest FHIR package (.tgz) that ImplementationGuide/$install takes")
    max_package_unpacked: int = knob(200 * 2**20, "most bytes that a FHIR package may hold")
    request_timeout: float = knob(30.0, "a request that takes longer is answered with 503 or 408")
    statement_timeout: float = knob(10.0, "a database statement that takes longer is stopped")
    database_connections: int = knob(10, "most connections that each worker opens to PostgreSQL", least=1)
    database_patience: float = knob(20.0, "how long a request waits for one of them before it is answered with 503")
    max_requests: int = knob(256, "requests under way at once per worker; more get 429")
    terminology_url: str = knob(
        "", "FHIR base URL of a terminology server that is asked what is not known here; empty: none"
    )
    terminology_systems: str = knob(
        "*", "canonicals (or what they begin with) of code systems and value sets asked for there; *: all unknown ones"
    )
    terminology_timeout: float = knob(5.0, "how long an answer of the terminology server is waited for", most=60)
    terminology_cache: int = knob(32 * 2**20, "bytes of its answers that each worker remembers", least=16 * 2**20)
    terminology_cache_age: float = knob(86_400.0, "seconds for which an answer of it is good")
    terminology_authorization: str = knob("", "Authorization header for the terminology server")
    outbound_internal: str = knob(
        "", "targets inside the network that the server itself may call: terminology=http://10.0.0.5:8080,…"
    )
    outbound_ports: str = knob("443", "ports that the server itself may call on the open internet, by https")
    cors_origins: str = knob("*", "origins that browsers may call from, separated by commas; empty: none")
    compress_above: int = knob(1024, "responses larger than this are compressed when the client accepts it")
    log_level: str = knob("info", "debug, info, warning or error")
    log_format: str = knob("json", "json or text")
    metrics: bool = knob(True, "serve Prometheus metrics at /metrics")
    telemetry: bool = knob(False, "send OpenTelemetry traces (extra: telemetry; OTEL_* variables tell where to)")
    graceful_timeout: float = knob(30.0, "how long a stopping server waits for requests under way")


class SettingError(ValueError):
    """A setting has a value that it cannot have; the text names it and says what would be right."""


def from_environment(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings from `FHIR_*` variables; what is `given` (and not None) wins. Raises SettingError."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for knob_ in fields(Settings):
        text = environment.get(PREFIX + knob_.name.upper())
        if text is not None:
            values[knob_.name] = _value(knob_.name, knob_.type, text)
    values |= {name: value for name, value in given.items() if value is not None}
    for knob_ in fields(Settings):
        value, least, most = values.get(knob_.name), knob_.metadata["least"], knob_.metadata["most"]
        if isinstance(value, int | float) and not least <= value <= most:
            right = f"from {least} to {most}" if most < inf else f"{least} or more"
            raise SettingError(f"{PREFIX}{knob_.name.upper()}={value}: expected {right}")
    return Settings(**values)


def to_environment(settings: Settings) -> dict[str, str]:
    """The `FHIR_*` variables that make these settings in another process."""
    values = {knob_.name: getattr(settings, knob_.name) for knob_ in fields(settings)}
    return {
        PREFIX + name.upper(): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


def unknown(environment: Mapping[str, str] | None = None) -> list[str]:
    """The `FHIR_*` variables that are no setting: most likely misspelt."""
    environment = os.environ if environment is None else environment
    known = {PREFIX + knob_.name.upper() for knob_ in fields(Settings)} | {"FHIR_CONFORMANCE_DATA"}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def table() -> Iterator[tuple[str, str, str, str]]:
    """Each setting as (variable, type, default, help)."""
    for knob_ in fields(Settings):
        kind = knob_.type if isinstance(knob_.type, str) else knob_.type.__name__
        yield PREFIX + knob_.name.upper(), kind, str(knob_.default), knob_.metadata["help"]


def _value(name: str, kind: Any, text: str) -> Any:
    word = kind if isinstance(kind, str) else kind.__name__
    try:
        if word == "bool":
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.strip().lower()]
        return {"int": int, "float": float, "str": str}[word](text)
    except (KeyError, ValueError) as error:
        right = "true or false" if word == "bool" else f"a value of type {word}"
        raise SettingError(f"{PREFIX}{name.upper()}={text!r}: expected {right}") from error
