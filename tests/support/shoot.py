"""Pictures of a report, by headless Chromium: python tests/reporting/shoot.py WORKDIR docs/images/report.png"""

import io
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
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


def montage(browser, report, width=1280):
    """The head with the ranking, the curves, and the first samples, one above the other."""
    page = browser.new_page(viewport={"width": width, "height": 3000})
    page.goto(Path(report).resolve().as_uri())
    page.wait_for_timeout(600)
    edges = page.evaluate("""() => {
      const box = (selector) => document.querySelector(selector).getBoundingClientRect();
      return [[0, box("#answer .scroll").bottom + 9], [box("#curves h2").top - 24, box(".panels").bottom + 4],
              [box("#samples h2").top - 16, box("table.grids tbody tr").bottom]];
    }""")
    parts = [page.screenshot(full_page=True, clip={"x": 0, "y": top, "width": width, "height": bottom - top})
             for top, bottom in edges]  # fmt: skip
    page.close()
    images = [Image.open(io.BytesIO(part)).convert("RGB") for part in parts]
    whole = Image.new("RGB", (width, sum(image.height for image in images)), images[0].getpixel((1, 1)))
    y = 0
    for image in images:
        whole.paste(image, (0, y))
        y += image.height
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return buffer.getvalue()


def small(png, largest=LARGEST):
    """The same picture in at most 256 colours, greys and others apart, so that few coloured lines keep theirs."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    coloured = pixels[np.ptp(pixels.astype(int), axis=-1) > 24].reshape(1, -1, 3)
    for greys in (128, 64, 32):
        count = min(256 - greys, coloured.shape[1])
        others = Image.fromarray(coloured).quantize(count).getpalette()[: 3 * count] if count else []
        ramp, often = np.unique(pixels[np.ptp(pixels.astype(int), axis=-1) <= 24], axis=0, return_counts=True)
        evenly = np.linspace(0, len(ramp) - 1, min(greys - 16, len(ramp))).round().astype(int)
        chosen = ramp[np.concatenate([evenly, np.argsort(-often)[:16]])]
        palette = Image.new("P", (1, 1))
        palette.putpalette([*others, *chosen.ravel().tolist()])
        buffer = io.BytesIO()
        Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= largest:
            break
    return buffer.getvalue()


def main(workdir, out):
    """Make the report of a sweep and a picture of its main parts, for the documentation."""
    from gan_jax.reporting import write_report

    report = write_report(workdir)
    with chromium() as browser:
        Path(out).write_bytes(small(montage(browser, report)))
    print(out, Path(out).stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
