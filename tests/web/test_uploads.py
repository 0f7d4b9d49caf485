"""What is sent, and what a sent photo leaves behind in the browser: nothing."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from bus.contract.limits import MAX_PHOTO_BYTES
from tests.web.fake_gateway import FakeGateway, photo

COUNT_ADDRESSES = """
window.made = 0; window.kept = new Set();
const { createObjectURL, revokeObjectURL } = URL;
URL.createObjectURL = (blob) => {
  const url = createObjectURL.call(URL, blob);
  window.made += 1;
  window.kept.add(url);
  return url;
};
URL.revokeObjectURL = (url) => {
  window.kept.delete(url);
  revokeObjectURL.call(URL, url);
};
"""


def test_a_photo_over_the_limit_is_refused_without_a_request(
    gateway: FakeGateway, page: Page, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(MAX_PHOTO_BYTES + 1)
    page.goto("/")
    page.get_by_label("Photos", exact=True).set_input_files(huge)
    expect(page.get_by_text("The photo has more than 50 MB; send a smaller copy.")).to_be_visible()
    assert gateway.calls("POST", "/api/v1/scenes/generate") == []
    expect(page.get_by_role("button", name="again")).to_have_count(0)


def test_the_addresses_of_small_pictures_are_given_back(
    gateway: FakeGateway, context: BrowserContext
) -> None:
    context.add_init_script(COUNT_ADDRESSES)
    page = context.new_page()
    page.goto("/")
    files = [
        {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": photo(60, 40)} for number in range(3)
    ]
    page.get_by_label("Photos", exact=True).set_input_files(files)
    expect(page.locator("[data-scene] img[src*='/store/']")).to_have_count(3)  # the store shows them now
    page.wait_for_function("() => window.made === 3 && window.kept.size === 0")
