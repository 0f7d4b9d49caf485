"""A person who uses the keyboard alone: what is pressed must have been reached by Tab."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import FileChooser, Locator, Page

MOST_STOPS: Final = 400
"""A page of 24 scenes has some 60 stops."""
_FOCUSED: Final = "element => element === document.activeElement"


class Keyboard:
    """The keys of one window."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, what: Locator) -> None:
        """Press Tab until ``what`` has the focus; the focus must be visible on it."""
        what.wait_for()
        for _ in range(MOST_STOPS):
            if what.evaluate(_FOCUSED):
                assert what.evaluate("element => element.matches(':focus-visible')")
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{what} cannot be reached by Tab")

    def press(self, what: Locator) -> None:
        """Reach it, and press Enter."""
        self.reach(what)
        self.page.keyboard.press("Enter")

    def fill(self, fields: dict[str, str]) -> None:
        """Write into the fields of these labels, in their order."""
        for label, text in fields.items():
            self.reach(self.page.get_by_label(label, exact=True))
            self.page.keyboard.type(text)

    def choose_files(self, what: Locator) -> FileChooser:
        """Press what opens the system's own window for files, which Playwright stands in for."""
        with self.page.expect_file_chooser() as chooser:
            self.press(what)
        return chooser.value

    def copied(self) -> str:
        """Return what the page has copied."""
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text
