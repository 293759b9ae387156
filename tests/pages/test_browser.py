"""The pages in a real browser: nothing is refused by their own policy, nothing comes from elsewhere, and the API can be tried."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.http.server import Process, running
from tests.stores import NewFolder, store_in

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
MORE_QUIET = ("--disable-component-update", "--disable-sync")


@pytest.fixture(scope="module")
def server(new_folder: NewFolder) -> Iterator[Process]:
    folder: Path = new_folder("browser")
    with running("--demo", "--store", store_in(folder), cwd=folder) as process:
        yield process


@pytest.fixture
def page() -> Iterator[Page]:
    """A page that collects what goes wrong on it; anything there fails the test."""
    chromium = shutil.which("chromium")
    if chromium is None:
        reason = "Chromium is absent: the pages are not tested in a browser"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, *MORE_QUIET])
        opened = browser.new_page()
        wrong: list[str] = []
        opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("requestfailed", lambda request: wrong.append(request.url))
        opened.on(
            "request",
            lambda request: (
                None if request.url.startswith(("http://127.0.0.1", "data:")) else wrong.append(request.url)
            ),
        )
        yield opened
        browser.close()
        assert wrong == []


def test_landing_page_leads_to_the_api(server: Process, page: Page) -> None:
    page.goto(server.root)
    expect(page.get_by_role("heading", level=1)).to_have_text("FHIR R4 server")
    expect(page.get_by_text(server.base, exact=True)).to_be_visible()
    for link in page.get_by_role("link").all():
        target = link.get_attribute("href") or ""
        if target.startswith("/"):
            assert page.request.get(server.root + target).status == 200, target


def test_documentation_lets_a_person_try_the_api(server: Process, page: Page) -> None:
    page.goto(f"{server.root}/docs")
    block = page.locator(".opblock", has_text="/fhir/metadata")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text("200", timeout=60_000)
