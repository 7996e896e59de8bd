"""How soon the pages show something: `python -m tests.e2e.first_paint --loads 20`.

The machine's load is told beside the figures: what else runs costs as much as the page does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from contextlib import closing
from pathlib import Path

from realtime.feed.sink import FeedSink
from tests.e2e.browser import Tab, browsing
from tests.e2e.soak_page import HELLO

TIMES = """(() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const sheets = files.filter((file) => file.name.endsWith(".css"));
  return {
    answered: page.responseEnd,
    styled: Math.max(page.responseEnd, ...sheets.map((file) => file.responseEnd)),
    painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    loaded: page.loadEventEnd,
    files: files.length,
  };
})()"""


def load(tab: Tab, url: str) -> dict[str, float]:
    """Open the page once; milliseconds since the navigation began, and how many files it took."""
    tab.open("about:blank#")
    tab.call("Page.navigate", url="about:blank")
    tab.until("location.href === 'about:blank'")
    tab.call("Page.navigate", url=url)
    tab.until("location.href !== 'about:blank'")
    tab.until("performance.getEntriesByName('first-contentful-paint').length > 0")
    tab.until("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
    return dict(tab.evaluate(TIMES))


def measure(loads: int, path: str) -> dict[str, object]:
    """Load a page again and again; the first load of a fresh browser is told apart."""
    with tempfile.TemporaryDirectory() as folder, closing(FeedSink(port=0)) as feed:
        feed.write(HELLO, 0)
        with browsing(Path(folder), "--window-size=1400,900") as tab:
            first, *others = [load(tab, feed.page("view", path)) for _ in range(loads + 1)]
    middle = {name: round(statistics.median(each[name] for each in others), 1) for name in first}
    return {
        "path": path,
        "loads": loads,
        "first_load_of_the_browser_ms": round(first["painted"], 1),
        "median_ms": middle,
        "slowest_paint_ms": round(max(each["painted"] for each in others), 1),
        "load_of_the_machine": [round(value, 2) for value in os.getloadavg()],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--path", default="/")
    options = parser.parse_args()
    print(json.dumps(measure(options.loads, options.path), indent=2))
