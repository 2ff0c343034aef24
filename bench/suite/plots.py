# SPDX-License-Identifier: MIT
"""plots.py - the plots of a benchmark, as SVG that stands in a page

matplotlib draws them.  What it cannot know is put in afterwards: the colours of text
and grid become those of the page, so that they follow its light or dark scheme; and
each mark becomes <g class="mark" data-allocator="NAME">, with a title to hover over.
"""

import html
import io
import re
import site

from suite import document as document_of
from allocators import BASELINE
from errors import Refusal

# Okabe and Ito's palette, which the colour-blind can tell apart; one colour and one
# form of mark for an allocator, everywhere.
STYLES = {
    "glibc": ("#7a7f87", "o"), "jemalloc": ("#e69f00", "s"), "mimalloc": ("#56b4e9", "^"),
    "tcmalloc": ("#cc79a7", "D"), "seamalloc": ("#d55e00", "*"),
    "freelist": ("#009e73", "v"), "watermark": ("#0072b2", "P"),
}
OTHERS = (("#b8a100", "X"), ("#882255", "p"), ("#44aa99", "h"), ("#117733", "<"), ("#999933", ">"))

# Placeholders for the page's own colours.
INK, GRID = "#010203", "#040506"
PAGE_COLOURS = {INK: "currentColor", GRID: "var(--grid)"}
SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "seamalloc", "font.size": 9, "axes.titlesize": 10,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GRID, "xtick.color": INK, "ytick.color": INK,
    "axes.facecolor": "none", "figure.facecolor": "none", "savefig.facecolor": "none",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
    "grid.linewidth": 0.6, "axes.axisbelow": True,
}
# Inches; the page scales them.
PANEL, WIDE_PANEL, LOW_PANEL = (5.2, 4.0), (5.6, 2.7), (5.2, 2.5)
MIB = 1 << 20
MOST_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


def load():
    """matplotlib; Refusal if it is not installed.  Scripts run without the folders of
    packages (python3 -S), which this brings back."""
    site.main()
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError as error:
        raise Refusal("the page needs matplotlib: install python3-matplotlib (scripts/setup --for bench); "
                      "the table and the JSON do not") from error
    return matplotlib


class Plot:
    """A figure that is being drawn, and what its marks mean."""

    # Each plot of a page has names of its own for what SVG refers to.
    count = 0

    def __init__(self, size, panels=1):
        Plot.count += 1
        self.number = Plot.count
        self.library = load()
        self.library.rcParams.update(SETTINGS)
        self.figure = self.library.figure.Figure(figsize=size, layout="constrained")
        self.axes = self.figure.subplots(1, panels, squeeze=False)[0]
        self.marks = []

    def mark(self, artist, name, title):
        """Notes which allocator an artist is for, and what is to be read at it."""
        artist.set_gid(f"mark-{len(self.marks)}")
        self.marks.append((name, title))

    def svg(self, title):
        """The plot as an element of a page."""
        with io.StringIO() as file:
            self.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
            text = file.getvalue()
        text = text[text.index("<svg"):]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = re.sub(r'<g id="mark-(\d+)">', lambda found: self.opening(int(found.group(1))), text)
        text = re.sub(r'\bid="', f'id="p{self.number}-', text)
        text = re.sub(r'(url\(#|href="#)', rf"\g<1>p{self.number}-", text)
        for placeholder, colour in PAGE_COLOURS.items():
            text = text.replace(placeholder, colour)
        return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)

    def opening(self, index):
        """The element that begins a mark."""
        name, title = self.marks[index]
        return f'<g class="mark" data-allocator="{html.escape(name)}"><title>{html.escape(title)}</title>'


def styles(document):
    """{allocator: (colour, mark)}."""
    spare = iter(OTHERS * len(document["allocators"]))
    return {name: STYLES.get(name) or next(spare) for name in document_of.names(document)}


def plain_ticks(axis, low, high, values=MOST_TICKS):
    """Ticks of a logarithmic axis as plain numbers."""
    shown = [value for value in values if low <= value <= high]
    axis.set_ticks(shown, labels=[short(value) for value in shown])
    axis.set_ticks([], minor=True)


def clipped(place, axes):
    """A place that lies outside of the axes, moved to their border."""
    return [min(max(value, low), high) for value, (low, high) in zip(place, (axes.get_xlim(), axes.get_ylim()))]


# --- time against memory ----------------------------------------------------------------

def time_against_memory(document, suite):
    """The scatter plot of a suite: small marks for workloads, large ones for means."""
    plot = Plot(PANEL)
    axes = plot.axes[0]
    points = [point for name in document_of.names(document) if name != BASELINE
              for point in scatter_points(document, suite, name)]
    # The textbook engines would make the others a heap in the corner.
    competing = [place for name, place, *_ in points if name in document_of.competitors(document)]
    axes.axhline(1, color=INK, linewidth=0.8)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    fit(axes.xaxis, [place[0] for place in competing])
    fit(axes.yaxis, [place[1] for place in competing])
    for name, place, title, is_mean in points:
        draw_point(plot, styles(document)[name], name, place, title, is_mean)
    axes.set_xlabel(f"CPU time, ratio to {BASELINE} (left is faster)")
    axes.set_ylabel(f"peak memory, ratio to {BASELINE} (down is smaller)")
    axes.set_title(document_of.SUITE_TITLES[suite], loc="left", fontweight="bold")
    return plot.svg(f"time against memory: {suite}")


def scatter_points(document, suite, name):
    """(name, (time, memory), title, is it the mean) of an allocator; the mean last."""
    found = []
    for workload in document_of.in_means(document, (suite,)):
        place = [document_of.ratio(workload, name, metric) for metric in ("cost", "peak_rss_bytes")]
        if all(place):
            found.append((name, place, point_title(name, workload["name"], place), False))
    means = [document_of.mean(document, (suite,), name, metric)[0] for metric in ("cost", "peak_rss_bytes")]
    if all(means):
        found.append((name, means, point_title(name, "geometric mean", means), True))
    return found


def point_title(name, what, place):
    """What is read at a point."""
    return f"{name}, {what}: time {place[0]:.2f}, memory {place[1]:.2f}"


def draw_point(plot, style, name, place, title, is_mean):
    """One mark of a scatter plot."""
    colour, form = style
    size = 13 if is_mean and form == "*" else 10 if is_mean else 5
    edge = INK if is_mean else "none"
    axes = plot.axes[0]
    line, = axes.plot(*([value] for value in clipped(place, axes)), form, color=colour, markersize=size,
                      markeredgecolor=edge, markeredgewidth=0.9, alpha=1 if is_mean else 0.55,
                      zorder=5 if is_mean else 3, clip_on=False)
    plot.mark(line, name, title)


def fit(axis, ratios):
    """Limits and ticks of a ratio's axis: all that is there, and always 1."""
    low, high = min([*ratios, 0.8]) / 1.15, max([*ratios, 1.3]) * 1.15
    axis.axes.set_xlim(low, high) if axis.axis_name == "x" else axis.axes.set_ylim(low, high)
    finer = MOST_TICKS if high / low > 4 else (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3)
    plain_ticks(axis, low, high, finer)


# --- growth ---------------------------------------------------------------------------------

def growth(document, family, points, kind):
    """Time and memory of a family over the number that varies."""
    plot = Plot(WIDE_PANEL, 2)
    for axes, metric in zip(plot.axes, ("cost", "peak_rss_bytes")):
        for name in document_of.names(document):
            draw_curve(plot, axes, document, name, points, metric)
        axes.set_xscale("log", base=2 if kind == "threads" else 10)
        axes.set_yscale("log")
        places = sorted({place for place, _ in points})
        axes.xaxis.set_ticks(places, labels=[short(place) for place in places])
        axes.xaxis.set_ticks([], minor=True)
        low, high = axes.get_ylim()
        plain_ticks(axes.yaxis, low, high, [step * 10 ** power for power in range(-2, 7)
                                            for step in ((1, 2, 5) if high / low > 10 else (1, 1.5, 2, 3, 4, 5, 7))])
        axes.set_xlabel("threads" if kind == "threads" else "N")
    plot.axes[0].set_title("CPU time, ns an operation", loc="left")
    plot.axes[1].set_title("peak memory, MiB", loc="left")
    plot.figure.suptitle(family, x=0.01, ha="left", fontweight="bold", fontsize=10)
    return plot.svg(f"growth of {family} over {kind}")


def draw_curve(plot, axes, document, name, points, metric):
    """One allocator's curve."""
    divisor = MIB if metric == "peak_rss_bytes" else 1
    known = [(place, value / divisor) for place, workload in points
             if (value := document_of.value(workload, name, metric))]
    if not known:
        return
    colour, form = styles(document)[name]
    line, = axes.plot(*zip(*known), marker=form, color=colour, linewidth=1.4, markersize=7 if form == "*" else 4)
    plot.mark(line, name, f"{name}: " + ", ".join(f"{short(place)}: {value:.3g}" for place, value in known))


def short(number):
    """1000 as 1k, 1000000 as 1M."""
    for size, letter in ((10**6, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:g}"


# --- memory over time -------------------------------------------------------------------------

def has_timeline(workload):
    """Whether a workload told what it had over time."""
    return any(result["timeline"] for result in workload["results"].values())


def over_time(document, workload):
    """Resident and live memory of a stress program while it runs."""
    plot = Plot(LOW_PANEL)
    axes = plot.axes[0]
    highest = 0
    for name in document_of.names(document):
        timeline = (workload["results"].get(name) or {}).get("timeline")
        if not timeline:
            continue
        if name == BASELINE:
            axes.fill_between(share(timeline), [live / MIB for _, live, _ in timeline], color=INK, alpha=0.12,
                              linewidth=0)
        resident = [rss / MIB for *_, rss in timeline]
        colour, _ = styles(document)[name]
        line, = axes.plot(share(timeline), resident, color=colour, linewidth=1.3)
        plot.mark(line, name, f"{name}: at most {max(resident):.1f} MiB")
        highest = max(highest, max(resident) if name in document_of.competitors(document) else 0)
    # An allocator that never frees would flatten the others.
    axes.set_ylim(0, highest * 1.15 or None)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the operations")
    axes.set_ylabel("MiB")
    axes.set_title(workload["name"], loc="left", fontweight="bold")
    return plot.svg(f"memory over time: {workload['name']}")


def share(timeline):
    """The places of samples on the axis of time."""
    last = timeline[-1][0] or 1
    return [100 * operations / last for operations, *_ in timeline]


# --- idle -------------------------------------------------------------------------------------

def kept_when_idle(document, workload):
    """Bars: what is resident when all is freed, before the peak of the same run."""
    plot = Plot(LOW_PANEL)
    axes = plot.axes[0]
    known = [(name, idle) for name in document_of.names(document)
             if (idle := (workload["results"].get(name) or {}).get("idle")) and "idle_rss_bytes" in idle]
    for place, (name, idle) in enumerate(known):
        colour, _ = styles(document)[name]
        kept, peak = idle["idle_rss_bytes"] / MIB, idle["peak_rss_bytes"] / MIB
        bar, = axes.barh(place, peak, color="none", edgecolor=colour, linewidth=0.8, height=0.7)
        plot.mark(bar, name, f"{name}: peak {peak:.1f} MiB")
        bar, = axes.barh(place, kept, color=colour, height=0.7)
        plot.mark(bar, name, f"{name}: {kept:.1f} MiB of {peak:.1f}")
    widest = [idle["peak_rss_bytes"] / MIB for name, idle in known if name in document_of.competitors(document)]
    axes.set_xlim(0, max(widest, default=1) * 1.2)
    axes.set_yticks(range(len(known)), [label_of_bar(name, idle) for name, idle in known])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("MiB: kept (full), peak (outline)")
    axes.set_title(workload["name"], loc="left", fontweight="bold")
    return plot.svg(f"memory kept when idle: {workload['name']}")


def label_of_bar(name, idle):
    """An allocator and what it keeps."""
    return f"{name}  {idle['idle_rss_bytes'] / MIB:.1f}"
