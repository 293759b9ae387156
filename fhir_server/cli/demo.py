"""The demo data: loaded into an empty store at start, where `--demo` asks for it."""

from pathlib import Path

from fhir_server.app import assemble
from fhir_server.cli.loader import Loader
from fhir_server.cli.progress import console
from fhir_server.cli.sources import items
from fhir_server.cli.stores import opened, shown
from fhir_server.settings import SettingError, Settings

PACKAGE = Path(__file__).resolve().parent.parent
PLACES = (PACKAGE / "_data" / "demo", PACKAGE.parent / "examples" / "demo")


async def prepare(settings: Settings) -> None:
    """Opens the store once before workers start (schema, migrations), and fills it where it is empty and demo is on."""
    async with opened(settings, create=True) as store:
        if not settings.demo or any((await store.counts()).values()):
            return
        folder = next((place for place in PLACES if place.is_dir()), None)
        if folder is None:
            raise SettingError("this installation has no demo data")
        server = await assemble(settings, store)
        report = await Loader(server, "demo").load(items([folder]))
        if report.failures:
            raise SettingError(f"the demo data was refused: {report.failures[0].place}: {report.failures[0].error}")
        console.print(f"Demo data: {report.loaded:,} resources loaded into {shown(settings.store)}")
