"""The status page in a real browser: what a person sees, does with the mouse and by keyboard."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Dialog, Error, Page, expect, sync_playwright

from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import eventually, quick, service
from .webbing import is_ready, published, website

NAUGHTY = "<img src=x onerror=alert(1)>.md"
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
Scheme = Literal["light", "dark"]
PATIENCE_MS = 20_000.0

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if path is None:
        pytest.skip("no Chromium on this machine; as root: apt-get install chromium")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path)
        except Error as error:
            pytest.skip(f"{path} does not start here: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@contextmanager
def looking(
    browser: Browser,
    address: str,
    scheme: Scheme = "light",
    size: tuple[int, int] = (1280, 900),
) -> Iterator[Page]:
    """The page, opened; nothing on it may fail, be refused by its own policy, or open a box."""
    page = browser.new_page(
        color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce"
    )
    wrong: list[str] = []

    def opened(box: Dialog) -> None:
        wrong.append(f"box: {box.message}")
        box.dismiss()

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("dialog", opened)
    page.goto(address)
    expect(page.locator(".folder")).to_have_count(1)
    yield page
    page.close()
    assert [text for text in wrong if "ERR_" not in text and "Failed to load" not in text] == []


def address(place: Place) -> str:
    return str(published(place)["url"])


def test_a_sync_is_seen_live(browser: Browser, tmp_path: Path) -> None:
    """A saved file shows up in all places of an open page, which is never loaded again."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("first.md", "a file about newts")
        with website(place) as client:
            eventually(lambda: is_ready(client), "it is ready", place)
            with looking(browser, address(place)) as page:
                expect(page.locator("#verdict-title")).to_have_text("Everything is searchable")
                expect(page.locator("#attention")).to_be_hidden()
                expect(page).to_have_title("✓ kbsync")
                page.evaluate("window.sameAsBefore = true")
                place.write("new/second.md", "a file about toads")
                row = page.locator("#activity li", has_text="second.md")
                expect(row.filter(has_text="indexed")).to_be_visible()
                expect(page.locator("#files")).to_contain_text("new/second.md")
                expect(page.locator("#verdict-text")).to_have_text("2 files in 1 folder.")
                expect(page.locator(".folder .counts")).to_have_text("2 searchable")
                assert page.evaluate("window.sameAsBefore")


def test_a_failure_is_tried_again(browser: Browser, tmp_path: Path) -> None:
    """What failed is told with the reason; its button sends it again, and the page is calm."""
    with a_place(tmp_path) as place:
        quick(place)
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        for number in range(2):
            place.write(f"bad-{number}.md", f"a scan about newts, page {number}")
        with website(place), looking(browser, address(place)) as page:
            item = page.locator("#attention li", has_text="docs: 2 files failed")
            expect(item).to_contain_text("no text layer")
            expect(page.locator("#verdict-title")).to_have_text("2 files failed")
            item.get_by_role("button", name="Show").click()
            expect(page.locator("#files li")).to_have_count(2)
            expect(page.locator("#find-reason")).to_contain_text("no text layer")
            place.standin.faults.clear()
            page.get_by_role("button", name="Try bad-0.md again").click()
            expect(page.locator("#toasts")).to_contain_text("bad-0.md will be tried again")
            one = page.locator("#attention li", has_text="docs/bad-1.md failed")
            one.get_by_role("button", name="Try again").click()
            expect(page.locator("#verdict-title")).to_have_text("Everything is searchable")
            expect(page.locator("#attention")).to_be_hidden()


def test_a_hold_is_reviewed_and_approved(browser: Browser, tmp_path: Path) -> None:
    """What would be deleted is looked at first; leaving it changes nothing, approving does."""
    with a_place(tmp_path) as place:
        place.configure(settle="100ms", max_delay="5s", max_delete_count=2)
        for number in range(4):
            place.write(f"old/{number}.md", f"file {number} about newts and their tails")
        place.write("stays.md", "a file about toads")
        with website(place) as client, looking(browser, address(place)) as page:
            eventually(lambda: is_ready(client), "it is ready", place)
            (place.root / "old").rename(tmp_path / "elsewhere")
            item = page.locator("#attention li", has_text="docs: 4 deletions held")
            item.get_by_role("button", name="Review").click()
            dialog = page.locator("#review")
            expect(dialog.locator(".groups")).to_have_text("old/4")
            dialog.get_by_text("Every file").click()
            expect(dialog.locator(".paths")).to_contain_text("old/3.md")
            assert page.evaluate(FAINT) == []
            dialog.get_by_role("button", name="Leave them").click()
            expect(dialog).to_be_hidden()
            assert len(place.documents()) == 5
            item.get_by_role("button", name="Review").click()
            dialog.get_by_role("button", name="Delete 4 documents").click()
            expect(page.locator("#toasts")).to_contain_text("4 deletions released")
            expect(page.locator("#verdict-title")).to_have_text("Everything is searchable")
            eventually(lambda: len(place.documents()) == 1, "the deletions", place)


def test_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    """A name that is markup is shown as it is, everywhere, and does nothing; keys do it all."""
    with a_place(tmp_path) as place:
        quick(place)
        place.standin.faults.add(Fault("index-error", name="img", times=None, text="<b>no</b>"))
        place.write(NAUGHTY, "a file about newts")
        place.write("calm.md", "a file about toads")
        with website(place), looking(browser, address(place)) as page:
            expect(page.locator("#attention")).to_contain_text(f"docs/{NAUGHTY} failed")
            expect(page.locator("#attention")).to_contain_text("<b>no</b>")
            expect(page.locator("#activity")).to_contain_text(NAUGHTY)
            page.keyboard.press("Control+k")
            page.keyboard.type("<IMG")
            expect(page.locator("#files li")).to_have_count(1)
            expect(page.locator("#files")).to_contain_text(NAUGHTY)
            name = page.locator("#files .link")
            name.focus()
            page.keyboard.press("Enter")
            expect(page.locator("#file h2")).to_have_text(NAUGHTY)
            expect(page.locator("#file .events")).to_contain_text("failed")
            page.keyboard.press("Escape")
            expect(page.locator("#file")).to_be_hidden()
            expect(name).to_be_focused()
            page.get_by_role("button", name=f"Try {NAUGHTY} again").click()
            expect(page.locator("#toasts")).to_contain_text(NAUGHTY)
            assert page.locator("img, b").count() == 0


def test_how_it_looks(browser: Browser, tmp_path: Path) -> None:
    """Light, dark and on a phone: nothing is cut off, and every control has a name."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with a_place(tmp_path) as place:
        quick(place)
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        place.write("deep/" + "a name without a place to break ".replace(" ", "_") * 5 + ".md", "1")
        for number in range(9):
            place.write(f"guides/{number}.md", f"guide {number} about newts")
        place.write("bad.md", "a scan about newts")
        with website(place):
            for name, scheme, size in LOOKS:
                with looking(browser, address(place), scheme, size) as page:
                    expect(page.locator("#verdict-title")).to_have_text("1 file failed")
                    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
                    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
                    assert page.evaluate(NAMELESS) == 0
                    assert page.evaluate(ALIKE) == []
                    assert page.evaluate(FAINT) == []
                    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
                    assert (dark == "rgb(19, 21, 24)") == (scheme == "dark")
                    page.get_by_role("button", name="Theme: auto").click()
                    page.get_by_role("button", name="Theme: light").click()
                    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
                    assert dark == "rgb(19, 21, 24)"


#: Name of the picture, colours, and size of the window.
LOOKS: list[tuple[str, Scheme, tuple[int, int]]] = [
    ("light", "light", (1280, 900)),
    ("dark", "dark", (1280, 900)),
    ("phone", "light", (390, 844)),
]

#: Controls that a screen reader could not name.
NAMELESS = """[...document.querySelectorAll("button, input, select, [role=img], dialog[open]")]
  .filter((each) => each.checkVisibility() && !each.textContent.trim() && !each.labels?.length
    && !each.getAttribute("aria-label") && !each.getAttribute("aria-labelledby")).length"""


#: Names that several buttons have, as a screen reader lists them.
ALIKE = """Object.entries(Object.groupBy(
  [...document.querySelectorAll("#attention button, #folders button, #files .actions button")],
  (each) => each.getAttribute("aria-label") ?? each.textContent,
)).filter(([, alike]) => alike.length > 1).map(([name]) => name)"""


#: Texts with less contrast to what is behind them than WCAG 2 AA asks for.
FAINT = """() => {
  const parsed = (colour) => [...colour.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const over = (above, below) =>
    below.map((value, at) => above[at] * above[3] + value * (1 - above[3]));
  const behind = (node) => {
    if (node === null) return [255, 255, 255];
    const colour = parsed(getComputedStyle(node).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(node.parentElement));
  };
  const light = (colour) => colour.map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0.05);
  const contrast = (node) => {
    const ground = behind(node), style = getComputedStyle(node);
    const both = [light(ground), light(over(parsed(style.color), ground))];
    const [less, more] = both.sort((a, b) => a - b);
    const large = parseFloat(style.fontSize) >= (style.fontWeight >= 700 ? 18.66 : 24);
    return more / less / (large ? 3 : 4.5);
  };
  return [...document.querySelectorAll("body *")]
    .filter((node) => [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim()))
    .filter((node) => node.checkVisibility() && contrast(node) < 1)
    .map((node) => `${node.className}: ${node.textContent.trim()}`);
}"""


def test_without_scripts(browser: Browser, tmp_path: Path) -> None:
    """Who allows no scripts is told what else there is, and shown nothing that does not work."""
    with a_place(tmp_path) as place, website(place):
        page = browser.new_page(java_script_enabled=False)
        page.goto(address(place))
        expect(page.locator("noscript p")).to_contain_text("This page needs JavaScript.")
        expect(page.locator("noscript p")).to_be_visible()
        for nothing in ("#verdict", "#find", "#activity", "#theme", "#link"):
            expect(page.locator(nothing)).to_be_hidden()
        page.locator("noscript a", has_text="the state of everything as JSON").click()
        expect(page.locator("body")).to_contain_text('"folders"')
        page.close()


def test_it_outlives_the_service(browser: Browser, tmp_path: Path) -> None:
    """An empty page says what it waits for; without a service that; with it again it goes on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    with a_place(tmp_path) as place:
        place.configure(settle="100ms", max_delay="5s", listen=listen)
        with website(place) as client:
            eventually(lambda: is_ready(client), "it is ready", place)
            page = browser.new_page()
            page.goto(address(place))
            expect(page.locator("#link")).to_have_text("live")
            expect(page.locator("#verdict-title")).to_have_text("There are no files yet")
            expect(page.locator("#files-count")).to_have_text("There are no files yet.")
        expect(page.locator("#link")).to_contain_text("connection lost")
        assert page.evaluate("getComputedStyle(document.querySelector('main')).opacity") == "1"
        place.write("meanwhile.md", "a file about newts")
        with service(place):
            expect(page.locator("#link")).to_have_text("live")
            expect(page.locator("#activity")).to_contain_text("meanwhile.md")
            expect(page.locator("#verdict-title")).to_have_text("Everything is searchable")
        page.close()
