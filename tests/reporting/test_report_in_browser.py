"""The report in a browser: it works without a network, in the dark, on a phone, by keyboard and on paper."""

import os

import pytest
from support import made_sweeps, shoot
from support.made_sweeps import HOSTILE, IMAGE

from gan_jax.reporting import write_report

if shoot.executable() is None:
    MISSING = f"no Chromium: none of {', '.join(shoot.NAMES)} is on PATH and {shoot.VARIABLE} is not set"
    if os.environ.get("CI"):
        raise FileNotFoundError(MISSING)  # where everything is to be tested, this is not left out
    pytest.skip(MISSING, allow_module_level=True)
if not os.environ.get("CI"):
    pytest.importorskip("playwright")

pytestmark = pytest.mark.slow

SHORT = {"seeds": 3, "steps": 600, "evaluate_every": 200, "grids": 2}
COLOURS = """() => [getComputedStyle(document.body).backgroundColor,
  ...[...document.querySelectorAll(".plot")].flatMap(p => [p.layout.font.color, p.layout.xaxis.gridcolor,
    ...p.data.map(t => t.line.color ?? t.fillcolor)])]"""


@pytest.fixture(scope="module")
def browser():
    with shoot.chromium() as found:
        yield found


@pytest.fixture
def opened(browser):
    """A function that opens a report; at the end, nothing went wrong and nothing was asked for."""
    contexts, complaints, requests = [], [], []

    def open_report(workdir, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        address = (workdir / "report.html").as_uri()
        page.goto(address)
        assert page.locator("h1").is_visible()
        page.address = address
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert complaints == []
    assert [u for u in requests if not u.startswith(("data:", "blob:")) and not u.endswith("/report.html")] == []


def order_of(page, table, column):
    return page.locator(f"{table} tbody tr > :nth-child({column})").all_inner_texts()


def visible_lines(page, panel=0):
    """Settings whose curves are on in a panel."""
    return page.evaluate(
        "i => [...new Set(document.querySelectorAll('.plot')[i].data.filter(t => t.visible).map(t => t.meta.setting))]",
        panel,
    )


def test_tables_are_sorted_by_click_and_by_keyboard(opened, typical):
    page = opened(typical)
    head = page.locator("table.ranked thead th", has_text="mean").last
    means = [float(text) for text in order_of(page, "table.ranked", 5)]
    assert means == sorted(means)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(text) for text in order_of(page, "table.ranked", 5)] == sorted(means, reverse=True)
    loss = page.locator("table.ranked thead th", has_text="loss")
    loss.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert loss.get_attribute("aria-sort") == "ascending"
    assert head.get_attribute("aria-sort") == "none"
    names = order_of(page, "table.ranked", 2)
    assert names == sorted(names)
    page.keyboard.press("Space")
    assert order_of(page, "table.ranked", 2) == sorted(names, reverse=True)


def test_settings_without_a_value_stay_at_the_end(opened, tmp_path):
    made_sweeps.make(tmp_path, {"loss.name": ["hinge", "minimax", "wasserstein"]}, **SHORT, ends={(1, -1): "failed"})
    write_report(tmp_path)
    page = opened(tmp_path)
    button = page.locator("table.ranked thead th", has_text="mean").last.get_by_role("button")
    for _ in range(2):
        button.click()
        assert order_of(page, "table.ranked", 2)[-1] == "minimax"


def test_curves_are_toggled(opened, typical):
    page = opened(typical)
    assert len(visible_lines(page)) == 8
    chip = page.locator(".chip").first
    assert chip.get_attribute("aria-pressed") == "true"
    chip.focus()
    page.keyboard.press("Enter")
    assert chip.get_attribute("aria-pressed") == "false"
    assert len(visible_lines(page)) == len(visible_lines(page, 1)) == 7
    page.get_by_role("button", name="none", exact=True).click()
    assert visible_lines(page) == []
    page.get_by_role("button", name="the best 6").click()
    assert len(visible_lines(page)) == 6
    page.get_by_role("button", name="all 8").click()
    assert len(visible_lines(page)) == 8


def test_the_metric_is_chosen(opened, typical):
    page = opened(typical)
    select = page.get_by_label("Metric of panel 1")
    names = select.locator("option").all_inner_texts()
    assert {"frechet_lenet", "recall_lenet", "discriminator/loss", "generator/gradient_norm"} <= {*names}
    assert select.locator("option:checked").inner_text() == "frechet_lenet"
    before = page.evaluate("document.querySelector('.plot').data.at(-1).y")
    select.select_option("recall_lenet")
    assert page.evaluate("document.querySelector('.plot').data.at(-1).y") != before
    assert page.locator(".panel").first.get_by_text("higher is better").is_visible()
    page.locator(".panel input").first.check()
    assert page.evaluate("document.querySelector('.plot').layout.yaxis.type") == "log"
    assert page.evaluate("document.querySelectorAll('.plot')[1].layout.yaxis.type") == "linear"


def test_pointing_at_a_curve_says_how_many_seeds(opened, typical):
    page = opened(typical)
    page.locator(".plot").first.scroll_into_view_if_needed()
    page.evaluate("Plotly.Fx.hover(document.querySelector('.plot'), [{curveNumber: 1, pointNumber: 0}])")
    assert "5 of 5 seeds" in page.locator(".hoverlayer").first.text_content()


@pytest.mark.parametrize("which", ["typical", "hostile"])
def test_fits_a_phone(opened, request, which):
    page = opened(request.getfixturevalue(which), viewport={"width": 390, "height": 844}, has_touch=True)
    for details in page.locator("details").all():
        details.locator("summary").click()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    assert page.locator(".plot svg.main-svg").first.bounding_box()["width"] <= 390


def test_turns_dark_with_the_system(opened, typical):
    page = opened(typical)
    light = page.evaluate(COLOURS)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("before => document.querySelector('.plot').layout.font.color !== before", arg=light[1])
    dark = page.evaluate(COLOURS)
    assert all(a != b for a, b in zip(light, dark, strict=True))
    assert sum(map(int, dark[0][4:-1].split(","))) < 150 < 600 < sum(map(int, light[0][4:-1].split(",")))
    page.emulate_media(color_scheme="light")
    page.wait_for_function("before => document.querySelector('.plot').layout.font.color === before", arg=light[1])
    assert page.evaluate(COLOURS) == light


def test_prints_light_and_without_controls(opened, typical, tmp_path):
    page = opened(typical, color_scheme="dark")
    page.evaluate("""() => addEventListener("beforeprint", () => {
      window.printed = [...document.querySelectorAll(".plot")].map(p => [p.layout.font.color, p.layout.width]); })""")
    data = page.pdf(prefer_css_page_size=True)
    assert data.startswith(b"%PDF")
    assert len(data) > 100_000
    printed = page.evaluate("window.printed")
    assert [colour for colour, _ in printed] == ["#1c1f23", "#1c1f23"]
    assert all(width < 400 for _, width in printed)
    assert page.evaluate("document.querySelector('.plot').layout.font.color") == "#e4e7eb"  # dark again
    page.emulate_media(media="print")
    for selector in ("nav", ".panel .controls", ".copy", ".chip[aria-pressed=false]", "details"):
        assert not any(one.is_visible() for one in page.locator(selector).all()), selector
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_another_step_of_the_samples_and_larger(opened, typical):
    page = opened(typical)
    grid = page.locator("button.grid").first
    before = grid.locator("img").get_attribute("src")
    page.locator("#grid-step").select_option("1000")
    assert grid.locator("img").get_attribute("src") != before
    assert "step 1,000" in page.locator("table.grids tbody td").first.inner_text()
    page.locator("#grid-step").select_option("")
    assert grid.locator("img").get_attribute("src") == before
    grid.click()
    assert page.locator("dialog[open] figcaption").inner_text().endswith("seed 0, step 5,000")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.locator("button.grid img").evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 0)")


def test_commands_are_copied_or_selected(opened, typical):
    page = opened(typical)
    button = page.locator("button.copy").first
    button.click()
    page.wait_for_function("() => /Copied|Selected/.test(document.querySelector('button.copy').textContent)")


def test_long_tables_are_folded(opened, tmp_path):
    rates = [i / 1e5 for i in range(1, 46)]
    made_sweeps.make(tmp_path, {"optimizer.generator.learning_rate": rates}, **{**SHORT, "seeds": 1, "grids": 1})
    write_report(tmp_path)
    page = opened(tmp_path)
    rows = page.locator("table.ranked tbody tr:visible")
    assert rows.count() == 40
    page.get_by_role("button", name="Show all 45 rows").first.click()
    assert rows.count() == 45
    assert len(visible_lines(page)) == 6


@pytest.mark.parametrize("policy", [True, False])
def test_markup_in_records_runs_nowhere(opened, hostile, policy):
    # Escaping alone has to do: once with the page's policy, once with a browser that ignores it.
    page = opened(hostile, bypass_csp=not policy)
    page.evaluate("""() => { const plot = document.querySelector(".plot");
      const curve = plot.data.findIndex(trace => trace.meta.setting === 0 && trace.text);
      Plotly.Fx.hover(plot, [{curveNumber: curve, pointNumber: 0}]); }""")
    assert IMAGE in page.locator(".hoverlayer").first.text_content()
    for panel in (1, 2):
        options = page.get_by_label(f"Metric of panel {panel}")
        for value in options.locator("option").evaluate_all("all => all.map(o => o.value)"):
            options.select_option(value)
    page.locator("button.grid").first.click()
    page.keyboard.press("Escape")
    assert HOSTILE in page.locator("h1").inner_text()
    assert IMAGE in page.locator("table.ranked").inner_text()
    assert page.locator("img:not([src^='data:'])").evaluate_all("all => all.filter(i => i.src).length") == 0


def test_is_read_without_scripts(opened, typical):
    page = opened(typical, java_script_enabled=False)
    assert page.locator("table.ranked tbody tr").count() == 8
    assert page.locator("table.ranked .dots").first.is_visible()
    assert page.locator("button.grid img").count() > 30
    assert "<noscript>" in page.content()


@pytest.mark.parametrize(
    "options",
    [
        {"evaluate_every": 0},
        {"ends": {(0, -1): "missing", (1, -1): "missing"}},
        {"ends": {(0, -1): "failed", (1, -1): "failed"}},
        {"seeds": 1, "grids": 0},
        {"broken_values": True, "halving": True, "ends": {(0, -1): "eliminated"}},
    ],
    ids=["no evaluation", "nothing begun", "all failed", "one seed", "not finite"],
)
def test_odd_sweeps_open_without_complaint(opened, tmp_path, options):
    made_sweeps.make(tmp_path, {"loss.name": ["hinge", "minimax"]}, **{**SHORT, **options})
    write_report(tmp_path)
    page = opened(tmp_path, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
