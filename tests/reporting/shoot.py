"""Pictures of a report, by headless Chromium: python tests/reporting/shoot.py WORKDIR docs/images/report.png"""

import io
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

VARIABLE = "GAN_JAX_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LARGEST = 300_000  # bytes of a picture for the documentation


def executable():
    """Path of a Chromium, or None."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium():
    """A running browser of playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        yield browser
        browser.close()


def picture(browser, report, width=1280, height=1500, scheme="light", whole=False, scroll=""):
    """The page, or its part from the element ``scroll`` on, as a PNG."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(Path(report).resolve().as_uri())
    page.wait_for_timeout(600)
    if scroll:
        page.evaluate("selector => document.querySelector(selector).scrollIntoView({behavior: 'instant'})", scroll)
        page.wait_for_timeout(300)
    taken = page.screenshot(full_page=whole)
    page.close()
    return taken


def small(png, largest=LARGEST):
    """The same picture in fewer colours, so that it fits into ``largest`` bytes."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        buffer = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= largest:
            break
    return buffer.getvalue()


def main(workdir, out):
    """Make the report of a sweep and a picture of its beginning."""
    from gan_jax.reporting import write_report

    report = write_report(workdir)
    with chromium() as browser:
        Path(out).write_bytes(small(picture(browser, report)))
    print(out, Path(out).stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
