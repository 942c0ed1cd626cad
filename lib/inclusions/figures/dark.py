"""Drawings that follow the page into the dark: a file asks for the scheme it is shown in."""

import re
from colorsys import hls_to_rgb, rgb_to_hls

GREY = 0.12
"""Chroma below which a colour is a shade of grey, which turns over; others keep their hue."""


def following(svg: str) -> str:
    """An SVG of Matplotlib with a second colour for each of its colours, for dark surroundings.

    Browsers tell an image the colour scheme of the element that shows it.
    """
    pairs = sorted(set(re.findall(r"(fill|stroke): (#[0-9a-f]{6})", svg)))
    rules = [f'[style*="{what}: {c}"]{{{what}:{counterpart(c)}!important}}' for what, c in pairs]
    for colour in (colour for what, colour in pairs if what == "fill"):
        shade = counterpart(colour)
        if (word := readable(shade)) != shade:  # words need more contrast than lines do
            rules.append(f'[id^="text_"] [style*="fill: {colour}"]{{fill:{word}!important}}')
    inside = "".join([f"svg{{fill:{counterpart('#000000')}}}", *rules])
    style = f"<style>@media (prefers-color-scheme: dark){{{inside}}}</style>"
    return svg.replace("<defs>", f"<defs>\n  {style}", 1)


def shortened(svg: str) -> str:
    """An SVG that shows the same in fewer bytes.

    Places are to a hundredth of a point, which no eye tells from Matplotlib's millionth; markers of
    one look have it from their group; names are short, lines have no indents, and nothing is told
    of the program.

    >>> shortened('<path d="M 1.234567 2.5 L 3.999999 1"/>')
    '<path d="M 1.23 2.5 L 3.99 1"/>'
    >>> shortened('<g> <use x="1" style="fill: red"/> <use x="2" style="fill: red"/> </g>')
    '<g style="fill: red"> <use x="1"/> <use x="2"/> </g>'
    """
    svg = re.sub(r'\s(?:d|x|y)="[^"]*"', lambda places: re.sub(FINER, r"\1", places[0]), svg)
    svg = re.sub(OF_ONE_LOOK, _with_one_style, svg)
    names = {name: f"m{n}" for n, name in enumerate(dict.fromkeys(re.findall(NAME, svg)))}
    svg = re.sub(NAME, lambda name: names[name[0]], svg)
    return re.sub(UNTOLD, "", svg, flags=re.DOTALL)


FINER = r"(\.\d\d)\d+"
NAME = r'(?<=[#"])[a-zA-Z][0-9a-f]{10}(?=[")])'
UNTOLD = r"\n *<metadata>.*?</metadata>|\n *<!--.*?-->|(?<=\n) +(?=<)"
OF_ONE_LOOK = (
    r'<g((?: clip-path="[^"]*")?)>(\s*<use [^>]*?( style="[^"]*")/>(?:\s*<use [^>]*?\3/>)+\s*)</g>'
)


def _with_one_style(group: re.Match) -> str:
    """A group of markers with their style, unless it is one that no child inherits."""
    place, markers, style = group.groups()
    if re.search(r"(?<!-)opacity", style):
        return group[0]
    return f"<g{place}{style}>{markers.replace(style, '')}</g>"


def counterpart(colour: str) -> str:
    """What stands for a colour on a dark page.

    >>> counterpart("#ffffff"), counterpart("#000000")
    ('#121212', '#ebebeb')
    """
    hue, light, saturation = _hls(colour)
    if saturation * (1 - abs(2 * light - 1)) < GREY:
        light = 0.07 + 0.85 * (1 - light)
    else:
        light = 0.52 + 0.32 * light
    return _hexadecimal(hls_to_rgb(hue, light, saturation))


def readable(colour: str) -> str:
    """A colour of chroma that words on a dark page may have: itself, or lighter.

    4.5 : 1 against the page is what WCAG 2.1 asks for.

    >>> readable("#5e41f7"), readable("#ebebeb")
    ('#7f68f9', '#ebebeb')
    """
    hue, light, saturation = _hls(colour)
    while saturation and _luminance(hls_to_rgb(hue, light, saturation)) < READABLE:
        light += 0.01
    return _hexadecimal(hls_to_rgb(hue, light, saturation))


READABLE = 0.205
"""Relative luminance that has 4.5 : 1 against the dark page."""


def _luminance(colour: tuple[float, float, float]) -> float:
    """Relative luminance of an sRGB colour (IEC 61966-2-1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _hls(colour: str) -> tuple[float, float, float]:
    return rgb_to_hls(*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)))


def _hexadecimal(colour: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
