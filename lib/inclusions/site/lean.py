"""Makes a finished book light, and complete from disk: bundles nobody loads go, icons are drawn.

Of MathJax stays what the pages load, and what the menu of a formula needs to speak it; its bundle
knows the commands of TeX that the book has. The theme's icons come as a script of 1.5 MB that
blocks the page; the dozen that are used become rules of a style sheet. Each drawing is there once.
The search quotes pages from a script, for which browsers need no server.
"""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

MATHJAX = (
    "tex-chtml.js", "output/chtml/fonts/woff-v2", "input/mml.js", "a11y",
    "sre/mathmaps/base.json", "sre/mathmaps/en.json",
)  # fmt: skip
"""What stays: the bundle and its fonts; what its menu loads to speak and to fold formulas."""

UNUSED = (
    "_static/locales", "_static/vendor/fontawesome", "_static/**/*.map",
    "_static/*webpack-macros.html", "_static/file.png", "_static/plus.png", "_static/minus.png",
)  # fmt: skip
"""Of the theme: translations, the script and the fonts of icons, maps for its developers."""

FONT = Path("_static", "vendor", "fontawesome")
BY_PSEUDO_ELEMENT = {
    ".admonition>.admonition-title::after": "bell",
    ".admonition.warning>.admonition-title::after": "triangle-exclamation",
    ".admonition.tip>.admonition-title::after": "lightbulb",
    "a.reference.download::before": "download",
    "ul.bd-breadcrumbs li.breadcrumb-item:not(.breadcrumb-home)::before": "angle-right",
    "div#searchbox p.highlight-link a::before": "magnifying-glass-minus",
}
"""Rules of the theme that write an icon with the font."""

SHAPE = """display: inline-block; background: currentColor; content: "";
  forced-color-adjust: none; mask: var(--icon) center / contain no-repeat;"""


def lighten(out: Path) -> None:
    """All of it, on a folder of built HTML."""
    draw_icons(out)
    keep_only(out / "_static" / "mathjax", MATHJAX)
    for pattern in UNUSED:
        for path in out.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    show_downloads(out)
    quote_pages(out)


def keep_only(folder: Path, kept: Iterable[str]) -> None:
    """Remove the files of a folder that are not named, or in a folder that is."""
    places = {folder / name for name in kept}
    for path in list(folder.rglob("*")):
        if path.is_file() and not places & {path, *path.parents}:
            path.unlink()


# Icons


def draw_icons(out: Path) -> None:
    """Write _static/icons.css with the icons that the pages name, taken from the theme's script."""
    scripts = list((out / FONT).glob("*/js/all.min.js"))
    if not scripts:
        return  # done before
    drawings = scripts[0].read_text(encoding="utf-8")
    used: set[tuple[str, bool]] = {(name, False) for name in BY_PSEUDO_ELEMENT.values()}
    for page in out.rglob("*.html"):
        for classes in re.findall(r'class="([^"]*\bfa[srb]?[- ][^"]*)"', page.read_text("utf-8")):
            brand = bool({"fab", "fa-brands"} & set(classes.split()))
            used |= {(name, brand) for name in re.findall(r"\bfa-([a-z-]+)", classes)}
    icons = {name: icon for name, brand in sorted(used) if (icon := _icon(drawings, name, brand))}
    rules = [
        f".fas, .far, .fab, .fa-solid, .fa-regular, .fa-brands {{ {SHAPE}"
        " width: 1.25em; height: 1em; vertical-align: -0.125em; }",
        ".fa-lg { font-size: 1.25em; vertical-align: -0.075em; }",
        f"{', '.join(BY_PSEUDO_ELEMENT)} {{ {SHAPE} width: 1em; height: 1em; font: inherit; }}",
        *(f".fa-{name} {{ --icon: {icon}; }}" for name, icon in icons.items()),
        *(f"{place} {{ --icon: {icons[name]}; }}" for place, name in BY_PSEUDO_ELEMENT.items()),
    ]
    (out / "_static" / "icons.css").write_text("\n".join(rules) + "\n", encoding="utf-8")


def _icon(drawings: str, name: str, brand: bool) -> str:
    """One icon as a url for CSS, empty if the script has none of this name.

    The script has brands first, then outlines, then solid ones.
    """
    pattern = rf'[{{,]"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"[^"]*","([^"]+)"\]'
    found = re.findall(pattern, drawings)
    if not found:
        return ""
    width, height, path = found[0] if brand else found[-1]
    opening = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'>"
    svg = f"{opening}<path d='{path}'/></svg>".replace("<", "%3C").replace(">", "%3E")
    return f'url("data:image/svg+xml,{svg}")'


# Drawings


def show_downloads(out: Path) -> None:
    """Show the drawings that are offered for download: those for show are the same once more."""
    shown = {path.read_bytes().strip(): path for path in (out / "_images").glob("*.svg")}
    instead = {
        shown[content].name: f"_downloads/{path.parent.name}/{path.name}"
        for path in sorted((out / "_downloads").glob("*/*.svg"))
        if (content := path.read_bytes().strip()) in shown
    }
    for page in out.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        better = re.sub(r"_images/([\w-]+\.svg)", lambda m: instead.get(m[1], m[0]), html)
        if better != html:
            page.write_text(better, encoding="utf-8")
    for name in instead:
        (out / "_images" / name).unlink()


# Search


def quote_pages(out: Path) -> None:
    """Write the texts of all pages as a script, and let the search quote from it."""
    texts = {
        page.relative_to(out).as_posix(): _text(page.read_text(encoding="utf-8"))
        for page in sorted(out.rglob("*.html"))
        if page.name not in ("search.html", "genindex.html")
    }
    script = f"const PAGES = {json.dumps(texts, ensure_ascii=False)};\n{QUOTED}"
    (out / "_static" / "pages.js").write_text(script, encoding="utf-8")
    search = out / "search.html"
    html = search.read_text(encoding="utf-8")
    if "_static/pages.js" not in html:
        script = '<script src="_static/pages.js"></script>\n</head>'
        search.write_text(html.replace("</head>", script, 1), encoding="utf-8")


QUOTED = """// Of a page it loads, the search quotes menus and code; from disk it may load none.
window.fetch = async (url) => {
  const name = Object.keys(PAGES).find((page) => url.endsWith(page));
  return new Response(`<div role="main">${PAGES[name] ?? ""}</div>`);
};
"""


def _text(html: str) -> str:
    """The text of a page by section, without code, formulas and menus."""
    main = re.search(r"<article[^>]*>(.*?)</article>", html, re.DOTALL)
    text = re.sub(r"<(script|style|pre|svg)\b.*?</\1>|<!--.*?-->", " ", main[1] if main else "",
                  flags=re.DOTALL)  # fmt: skip
    text = re.sub(r'<a class="headerlink".*?</a>', "", text, flags=re.DOTALL)
    text = re.sub(r"</?(a|code|em|span|strong|su[bp])\b[^>]*>", "", text)
    text = re.sub(r"<(?!/?section\b)[^>]*>", " ", text)
    text = re.sub(r'<section [^>]*?(id="[^"]*")[^>]*>', r"<section \1>", text)
    return re.sub(r"\s+", " ", re.sub(r"\\[()\[\]]", "", text)).strip()
