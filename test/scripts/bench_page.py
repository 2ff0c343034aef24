#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench_page.py REPORT.json PAGE.html - opens the benchmark's page in headless Chromium

Checks that plots are drawn where the report has figures for them, that tables have every
allocator, that sorting and the switches of the legend work, that the script made no
error, and that the page loads nothing but itself.  Exit status 1 and a sentence for each
thing that is not so.  --screenshot=FILE keeps a picture, for a person to look at.
"""

import json
import os
import sys

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

# As root and in a container, where there is neither a sandbox nor much /dev/shm.
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
         "--disable-background-networking", "--no-first-run", "--window-size=1400,2000")

# Each plot: its title, its size on the screen, and its marks with theirs.
PLOTS = """
return [...document.querySelectorAll("figure svg")].map(svg => {
	const box = svg.getBoundingClientRect();
	return {
		title: svg.getAttribute("aria-label"), width: box.width, height: box.height,
		marks: [...svg.querySelectorAll(".mark")].map(mark => {
			const own = mark.getBoundingClientRect();
			return {name: mark.dataset.allocator, size: own.width + own.height,
				inside: own.left >= box.left - 9 && own.right <= box.right + 9
					&& own.top >= box.top - 9 && own.bottom <= box.bottom + 9};
		}),
		cut: [...svg.querySelectorAll("text")].filter(text => {
			const own = text.getBoundingClientRect();
			return own.left < box.left - 2 || own.right > box.right + 2;
		}).map(text => text.textContent),
	};
});
"""
HEADS = """
return [...document.querySelectorAll("table")].map(
	table => [...table.querySelectorAll("thead th[data-allocator]")].map(head => head.textContent))
	.filter(heads => heads.length);
"""
LOADED = "return performance.getEntriesByType('resource').map(entry => entry.name)"
SORT = """
const table = document.querySelector("table.sortable");
const column = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === arguments[0]);
table.tHead.rows[0].cells[column].click();
return [...table.tBodies[0].rows].map(row => Number(row.cells[column].dataset.order));
"""
SWITCH = """
document.querySelector(`.legend label[data-allocator="${arguments[0]}"] input`).click();
return [...document.querySelectorAll(`main [data-allocator="${arguments[0]}"]`)]
	.filter(element => element.getClientRects().length).length;
"""
# Kinds of plots, by the beginning of their titles, and how many there are at least.
KINDS = {"time against memory": 2, "growth of": 2, "memory over time": 2, "memory kept when idle": 1}


def main(arguments):
    """The exit status."""
    pictures = [word.partition("=")[2] for word in arguments if word.startswith("--screenshot=")]
    report_path, page_path = [word for word in arguments if not word.startswith("--")]
    with open(report_path, encoding="utf-8") as file:
        names = [each["name"] for each in json.load(file)["allocators"]]
    browser = start()
    try:
        browser.get(f"file://{os.path.abspath(page_path)}")
        wrong = [*plots(browser, names), *tables(browser, names), *script(browser, names), *loaded(browser)]
        for picture in pictures:
            take_picture(browser, picture)
    finally:
        browser.quit()
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


def start():
    """The browser."""
    options = Options()
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def plots(browser, names):
    """What is wrong with the plots."""
    found = browser.execute_script(PLOTS)
    for kind, least in KINDS.items():
        count = sum(plot["title"].startswith(kind) for plot in found)
        if count < least:
            yield f"{count} plots of {kind}, expected {least}"
    for plot in found:
        yield from one_plot(plot, names)


def one_plot(plot, names):
    """What is wrong with one."""
    if plot["width"] < 100 or plot["height"] < 60:
        yield f"{plot['title']}: it is {plot['width']} x {plot['height']}"
    drawn = {mark["name"] for mark in plot["marks"] if mark["size"] > 0}
    if not {"seamalloc"} <= drawn <= set(names) or len(drawn) < 2:
        yield f"{plot['title']}: marks of {sorted(drawn)}"
    if plot["title"].startswith("time against") and drawn != set(names) - {"glibc"}:
        yield f"{plot['title']}: marks of {sorted(drawn)}, expected all but glibc's"
    if not plot["title"].startswith("memory") and not all(mark["inside"] for mark in plot["marks"]):
        yield f"{plot['title']}: a mark lies outside"
    if plot["cut"]:
        yield f"{plot['title']}: text is cut: {plot['cut']}"


def tables(browser, names):
    """What is wrong with the tables."""
    heads = browser.execute_script(HEADS)
    if len(heads) < 3:
        yield f"{len(heads)} tables have allocators"
    for found in heads:
        if found != names:
            yield f"a table has the allocators {found}, expected {names}"


def script(browser, names):
    """What is wrong with the page's script."""
    up, down = browser.execute_script(SORT, "seamalloc"), browser.execute_script(SORT, "seamalloc")
    if up != sorted(up) or down != sorted(down, reverse=True) or len(up) < 2:
        yield f"sorting gives {up} and {down}"
    for name in names:
        off, on = browser.execute_script(SWITCH, name), browser.execute_script(SWITCH, name)
        if off or not on:
            yield f"the switch of {name} leaves {off} elements, then {on}"
    for entry in browser.get_log("browser"):
        yield f"the browser says: {entry['message']}"


def loaded(browser):
    """What the page has loaded."""
    for address in browser.execute_script(LOADED):
        yield f"it loads {address}"


def take_picture(browser, path):
    """The whole page as a picture."""
    height = browser.execute_script("return document.documentElement.scrollHeight")
    browser.set_window_size(1400, height + 200)
    browser.save_screenshot(path)


sys.exit(main(sys.argv[1:]))
