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
    inside = "".join([f"svg{{fill:{counterpart('#000000')}}}", *rules])
    style = f"<style>@media (prefers-color-scheme: dark){{{inside}}}</style>"
    return svg.replace("<defs>", f"<defs>\n  {style}", 1)


def shortened(svg: str) -> str:
    """An SVG with places to a hundredth of a point, which no eye tells from Matplotlib's millionth.

    >>> shortened('<path d="M 1.234567 2.5 L 3.999999 1"/>')
    '<path d="M 1.23 2.5 L 3.99 1"/>'
    """
    return re.sub(r'\s(?:d|x|y)="[^"]*"', lambda places: re.sub(FINER, r"\1", places[0]), svg)


FINER = r"(\.\d\d)\d+"


def counterpart(colour: str) -> str:
    """What stands for a colour on a dark page.

    >>> counterpart("#ffffff"), counterpart("#000000")
    ('#121212', '#ebebeb')
    """
    hue, light, saturation = rgb_to_hls(*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    if saturation * (1 - abs(2 * light - 1)) < GREY:
        light = 0.07 + 0.85 * (1 - light)
    else:
        light = 0.52 + 0.32 * light
    return "#" + "".join(f"{round(255 * part):02x}" for part in hls_to_rgb(hue, light, saturation))
