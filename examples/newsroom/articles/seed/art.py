"""Cover pictures drawn by Pillow: flat shapes, a few colours each, a little grain like newsprint."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

SIZE = (1600, 900)
SCALE = 2  # drawn large and made small, which is what smooths the edges
WIDTH, HEIGHT = SIZE[0] * SCALE, SIZE[1] * SCALE

Pen = ImageDraw.ImageDraw


def draw_cover(name: str) -> bytes:
    """The picture of that name as a JPEG; the same bytes of art each time."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    PICTURES[name](image, ImageDraw.Draw(image), random.Random(name))
    image = image.resize(SIZE, Image.Resampling.LANCZOS)
    grain = Image.effect_noise(SIZE, 14).filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")
    image = ImageChops.overlay(image, grain)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=84, optimize=True, progressive=True)
    return out.getvalue()


def _sky(image: Image.Image, *stops: str) -> None:
    colours = [ImageColor.getrgb(stop) for stop in stops]
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(colours)
    column = column.resize((1, HEIGHT), Image.Resampling.BICUBIC)
    image.paste(column.resize((WIDTH, HEIGHT)))


def _disc(pen: Pen, x: float, y: float, radius: float, fill: str | None, outline: str | None = None, width: int = 0) -> None:
    x, y, radius = x * WIDTH, y * HEIGHT, radius * HEIGHT
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=outline, width=width)


def _box(pen: Pen, x0: float, y0: float, x1: float, y1: float, fill: str) -> None:
    pen.rectangle((x0 * WIDTH, y0 * HEIGHT, x1 * WIDTH, y1 * HEIGHT), fill=fill)


def _shape(pen: Pen, points: list[tuple[float, float]], fill: str) -> None:
    pen.polygon([(x * WIDTH, y * HEIGHT) for x, y in points], fill=fill)


def _ridge(pen: Pen, dice: random.Random, level: float, swing: float, fill: str, roughness: int = 4) -> None:
    """A band of ground or water from `level` down, with a gently uneven upper edge."""
    waves = [(dice.uniform(0.6, 1) / n, n * dice.uniform(0.7, 1.3), dice.uniform(0, math.tau)) for n in range(1, roughness + 1)]
    edge = [(i / 240, level - swing * sum(a * math.sin(f * i / 240 * math.tau + p) for a, f, p in waves)) for i in range(241)]
    _shape(pen, [*edge, (1, 1), (0, 1)], fill)


def harbour(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#f7d9a8", "#f3b37a", "#dd7f62")
    _disc(pen, 0.36, 0.55, 0.17, "#fbe9c4")
    _ridge(pen, dice, 0.56, 0.03, "#a9635f")
    _box(pen, 0, 0.6, 1, 1, "#2d5566")
    for i in range(60):
        y = 0.61 + 0.38 * (i / 60) ** 1.5
        x, half = 0.36 + dice.uniform(-0.05, 0.05) * (1 + i / 14), dice.uniform(0.015, 0.05)
        _box(pen, x - half, y, x + half, y + 0.0045, "#f3c58d")
    _shape(pen, [(0.56, 0.78), (0.62, 0.68), (1, 0.64), (1, 1), (0.5, 1)], "#1b3440")
    _shape(pen, [(0.755, 0.69), (0.77, 0.28), (0.82, 0.28), (0.835, 0.69)], "#f4efe4")
    for low, high in ((0.36, 0.45), (0.54, 0.62)):
        _shape(pen, [(0.755 + 0.015 * (0.69 - y) / 0.41, y) for y in (high, low)] + [(0.835 - 0.015 * (0.69 - y) / 0.41, y) for y in (low, high)], "#b8402a")
    _box(pen, 0.762, 0.265, 0.828, 0.285, "#14262f")
    _box(pen, 0.776, 0.2, 0.814, 0.265, "#f9cf6a")
    _shape(pen, [(0.768, 0.2), (0.795, 0.14), (0.822, 0.2)], "#14262f")
    for x, y, size in ((0.15, 0.68, 1.0), (0.45, 0.66, 0.55), (0.24, 0.86, 1.5)):
        _shape(pen, [(x, y), (x + 0.07 * size, y), (x + 0.058 * size, y + 0.03 * size), (x + 0.012 * size, y + 0.03 * size)], "#14262f")
        _shape(pen, [(x + 0.034 * size, y - 0.01), (x + 0.034 * size, y - 0.15 * size), (x + 0.068 * size, y - 0.01)], "#f4efe4")
        _shape(pen, [(x + 0.03 * size, y - 0.01), (x + 0.03 * size, y - 0.12 * size), (x + 0.006 * size, y - 0.01)], "#e2d3b8")


def skyline(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#101830", "#25305c", "#5d4a78")
    for _ in range(90):
        _disc(pen, dice.random(), dice.uniform(0, 0.5), dice.uniform(0.0012, 0.0032), "#d9dcf0")
    _disc(pen, 0.8, 0.2, 0.08, "#f5ecd2")
    _disc(pen, 0.825, 0.18, 0.07, "#222b54")
    for layer, (base, colour) in enumerate(((0.34, "#2a2f55"), (0.46, "#1a1f3d"))):
        x = -0.02
        while x < 1:
            width, top = dice.uniform(0.06, 0.1), base + dice.uniform(0, 0.2)
            _box(pen, x, top, x + width, 1, colour)
            _shape(pen, [(x, top), (x + width / 2, top - dice.uniform(0.05, 0.13)), (x + width, top)], colour)
            for row in range(int((0.85 - top) / 0.075)):
                for column in range(3):
                    if dice.random() < (0.25, 0.5)[layer]:
                        wx, wy = x + width * (0.16 + 0.26 * column), top + 0.035 + row * 0.075
                        _box(pen, wx, wy, wx + width * 0.16, wy + 0.04, dice.choice(("#f7c667", "#f2a950", "#fbe3a0")))
            x += width + dice.choice((0, 0, 0.012))
    _box(pen, 0, 0.9, 1, 1, "#0c0f20")
    _box(pen, 0, 0.955, 1, 0.96, "#3b416b")
    _box(pen, 0.28, 0.8, 0.62, 0.935, "#c8482f")
    _box(pen, 0.28, 0.905, 0.62, 0.935, "#f4efe4")
    for i in range(7):
        _box(pen, 0.293 + i * 0.046, 0.825, 0.33 + i * 0.046, 0.88, "#fbe3a0")
    for x in (0.33, 0.57):
        _disc(pen, x, 0.94, 0.02, "#0c0f20")


def books(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#3a2419", "#2a1a13")
    colours = ("#b8402a", "#d98b3a", "#e9c878", "#2f6266", "#7d2f3a", "#4d6b48", "#efe3cb", "#1f3e52")
    for shelf in range(3):
        floor, x = 0.31 + shelf * 0.33, 0.0
        while x < 1:
            width, tall = dice.uniform(0.014, 0.042), dice.uniform(0.18, 0.27)
            colour = dice.choice(colours)
            if dice.random() < 0.05:
                x += 0.05
            elif dice.random() < 0.07:
                _shape(pen, [(x, floor), (x + 0.05, floor - tall), (x + 0.05 + width, floor - tall + 0.015), (x + width, floor)], colour)
                x += width + 0.055
            else:
                _box(pen, x, floor - tall, x + width, floor, colour)
                band = dice.choice(("#f2dca4", "#20140e"))
                for y in (0.16, 0.22, 0.8):
                    _box(pen, x, floor - tall * (1 - y), x + width, floor - tall * (1 - y) + 0.007, band)
                x += width + 0.0015
        _box(pen, 0, floor, 1, floor + 0.035, "#6b4429")
        _box(pen, 0, floor + 0.028, 1, floor + 0.042, "#1d110b")


def waves(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#e9e2cf", "#f3dcb6")
    _disc(pen, 0.7, 0.3, 0.12, "#d8613c")
    for i, colour in enumerate(("#a9c6c2", "#7eaaae", "#548b98", "#336d82", "#1e5069", "#12374e")):
        level, shift = 0.42 + i * 0.1, dice.uniform(0, math.tau)
        count, swing = 5 - i * 0.5, 0.018 + i * 0.009
        edge = [(k / 300, level - swing * abs(math.sin(count * math.pi * k / 300 + shift)) * 2) for k in range(301)]
        _shape(pen, [*edge, (1, 1), (0, 1)], "#f6f1e4")
        _shape(pen, [*[(x, y + 0.008 + i * 0.0012) for x, y in edge], (1, 1), (0, 1)], colour)


def containers(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#cfdfe2", "#efe7d3")
    for x in (0.12, 0.68):
        for leg in (0, 0.13):
            _box(pen, x + leg, 0.12, x + leg + 0.012, 0.9, "#33474f")
        _box(pen, x - 0.1, 0.12, x + 0.24, 0.15, "#33474f")
        _box(pen, x + 0.05, 0.15, x + 0.0525, 0.32, "#33474f")
    colours = ("#c8482f", "#e0a33b", "#2f6f78", "#234557", "#8a3b3b", "#e9dcc0", "#5d7f5b")
    for column in range(8):
        for row in range(dice.randint(2, 5)):
            x, y, colour = column * 0.126 - 0.004, 0.9 - (row + 1) * 0.118, dice.choice(colours)
            _box(pen, x, y, x + 0.123, y + 0.114, colour)
            shade = tuple(int(part * 0.86) for part in ImageColor.getrgb(colour))
            for rib in range(14):
                _box(pen, x + 0.006 + rib * 0.0083, y + 0.012, x + 0.0092 + rib * 0.0083, y + 0.102, shade)
    _box(pen, 0, 0.9, 1, 1, "#2c3a40")
    _box(pen, 0, 0.94, 1, 0.946, "#e0a33b")


def fish(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#2f8a83", "#17585f", "#0a2c38")
    for i in range(6):
        x = 0.05 + i * 0.18
        _shape(pen, [(x, 0), (x + 0.05, 0), (x - 0.12, 1), (x - 0.26, 1)], ("#2a7d79", "#26736f")[i % 2] if i % 2 else "#1f666a")
    for row in range(13):
        for column in range(9):
            x, y = column * 0.12 + (row % 2) * 0.06 - 0.04 + dice.uniform(-0.02, 0.02), 0.02 + row * 0.078 + dice.uniform(-0.015, 0.015)
            if math.hypot((x - 0.5) / 0.48, (y - 0.5) / 0.4) > 1.02:
                continue
            size, colour = dice.uniform(0.8, 1.15), dice.choice(("#dfe8e2", "#b9d0cd", "#f2efe0", "#93b8b8"))
            body = [(x + 0.04 * size * math.cos(t / 20 * math.tau), y + 0.019 * size * math.sin(t / 20 * math.tau)) for t in range(20)]
            _shape(pen, body, colour)
            _shape(pen, [(x - 0.033 * size, y), (x - 0.056 * size, y - 0.022 * size), (x - 0.056 * size, y + 0.022 * size)], colour)
            _disc(pen, x + 0.027 * size, y - 0.004, 0.0042 * size, "#0a2c38")


def orbits(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#0d1226", "#1a1f42", "#2c2350")
    for _ in range(240):
        _disc(pen, dice.random(), dice.random(), dice.uniform(0.001, 0.003), dice.choice(("#ffffff", "#c9cdf2", "#f6dfb5")))
    for i in range(7):
        radius = 0.16 + i * 0.105
        box = (0.5 * WIDTH - radius * HEIGHT * 1.25, 0.52 * HEIGHT - radius * HEIGHT * 0.62, 0.5 * WIDTH + radius * HEIGHT * 1.25, 0.52 * HEIGHT + radius * HEIGHT * 0.62)
        pen.ellipse(box, outline="#6d71a8", width=4)
        angle = dice.uniform(0, math.tau)
        x = 0.5 + radius * 1.25 * math.cos(angle) * HEIGHT / WIDTH
        y = 0.52 + radius * 0.62 * math.sin(angle)
        _disc(pen, x, y, 0.014 + dice.random() * 0.024, ("#e07b4f", "#8fc1c7", "#f2c15b", "#c75b6d", "#b7c98b", "#d8d3ea", "#5b8fd1")[i])
    for radius, colour in ((0.11, "#5a3d54"), (0.085, "#a8633f"), (0.062, "#f7c667")):
        _disc(pen, 0.5, 0.52, radius, colour)


def hills(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#f0e6c9", "#e5e3cc", "#c9d8c4")
    _disc(pen, 0.28, 0.27, 0.09, "#f8f3df")
    for i, colour in enumerate(("#b5cbb5", "#94b39a", "#6f967d", "#4c7661", "#2e5646", "#1a3a30")):
        _ridge(pen, dice, 0.45 + i * 0.1, 0.05 - i * 0.004, colour)
    for _ in range(26):
        x, y, tall = dice.random(), dice.uniform(0.9, 1.02), dice.uniform(0.05, 0.11)
        _shape(pen, [(x - tall * 0.16, y), (x, y - tall), (x + tall * 0.16, y)], "#10271f")


def fields(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#f4d58d", "#f2b880", "#f2b880")
    _disc(pen, 0.5, 0.42, 0.14, "#fdf1cf")
    _ridge(pen, dice, 0.44, 0.03, "#8a6d8d")
    _box(pen, 0, 0.46, 1, 1, "#3f6b4a")
    for i in range(-16, 17):
        colour = ("#7a4f92", "#9c6bb0")[i % 2]
        _shape(pen, [(0.5 + i * 0.021, 0.46), (0.5 + i * 0.021 + 0.011, 0.46), (0.5 + (i + 0.56) * 0.135, 1), (0.5 + i * 0.135, 1)], colour)
    for x, y in ((0.24, 0.24), (0.71, 0.3), (0.62, 0.15)):
        _disc(pen, x - 0.007, y - 0.02, 0.019, "#fdf6e3")
        _disc(pen, x + 0.009, y - 0.02, 0.019, "#fdf6e3")
        pen.ellipse(((x - 0.02) * WIDTH, (y - 0.022) * HEIGHT, (x + 0.02) * WIDTH, (y + 0.022) * HEIGHT), fill="#2a2018")
        for stripe in (-0.008, 0.004):
            _box(pen, x + stripe, y - 0.018, x + stripe + 0.005, y + 0.018, "#f2c033")


def stage(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#1c1220", "#2b1a2a")
    _shape(pen, [(0.46, 0), (0.54, 0), (0.74, 0.86), (0.26, 0.86)], "#5c4238")
    _shape(pen, [(0.48, 0), (0.52, 0), (0.64, 0.86), (0.36, 0.86)], "#a9825a")
    for i in range(8):  # the staircase
        _box(pen, 0.36 + i * 0.018, 0.8 - i * 0.05, 0.64 - i * 0.018, 0.86, ("#e6cfa0", "#d3b47f")[i % 2])
    _box(pen, 0, 0.86, 1, 1, "#6b3f28")
    for i in range(12):
        _box(pen, i / 12, 0.86, i / 12 + 0.0025, 1, "#4d2b1a")
    for side in (0, 1):
        for i in range(7):
            x, far = i * 0.045, i * 0.045 + 0.047
            x, far = (x, far) if side == 0 else (1 - far, 1 - x)
            _box(pen, x, 0, far, 0.93 - 0.012 * (i % 2), ("#8e2323", "#a93030", "#7a1c1f")[i % 3])
    for i in range(9):
        _disc(pen, i / 8, 0, 0.13, ("#a93030", "#8e2323")[i % 2])
        _disc(pen, i / 8, 0.12, 0.012, "#e6b85c")


def table(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#2e5d5a", "#264c4b")
    for i in range(1, 16):
        _box(pen, i / 16, 0, i / 16 + 0.002, 1, "#3a6c68")
    for i in range(1, 9):
        _box(pen, 0, i / 9, 1, i / 9 + 0.0035, "#3a6c68")
    for x, y, radius, soup in ((0.3, 0.5, 0.33, "#d9772f"), (0.74, 0.36, 0.24, "#7fa055"), (0.7, 0.9, 0.2, "#c34f38"), (0.03, 0.1, 0.22, "#e5b84d")):
        _disc(pen, x + 0.006, y + 0.014, radius, "#1c3a39")
        _disc(pen, x, y, radius, "#f6f0e1")
        _disc(pen, x, y, radius * 0.74, "#e6dcc4")
        _disc(pen, x, y, radius * 0.68, soup)
        for _ in range(12):
            angle, far = dice.uniform(0, math.tau), dice.uniform(0, radius * 0.5)
            _disc(pen, x + far * math.cos(angle) * HEIGHT / WIDTH, y + far * math.sin(angle), radius * dice.uniform(0.02, 0.05), dice.choice(("#f7e3b1", "#3f6b3a", "#fbf6e6")))
    _shape(pen, [(0.515, 0.2), (0.53, 0.2), (0.53, 0.85), (0.515, 0.85)], "#d8d6cd")
    pen.ellipse((0.5 * WIDTH, 0.14 * HEIGHT, 0.545 * WIDTH, 0.33 * HEIGHT), fill="#d8d6cd")
    _disc(pen, 0.93, 0.68, 0.1, "#f6f0e1")
    _disc(pen, 0.93, 0.68, 0.08, "#3d2417")


def letters(image: Image.Image, pen: Pen, dice: random.Random) -> None:
    _sky(image, "#c9a27e", "#b88a67")
    for number, (x, y, turn) in enumerate(((0.02, 0.1, 9), (0.62, 0.04, -8), (0.2, 0.2, -5), (0.48, 0.3, 6), (0.31, 0.12, 2))):
        sheet = Image.new("RGBA", (int(WIDTH * 0.36), int(HEIGHT * 0.78)), ("#efe6d0", "#f6f0e0", "#eadfc6")[number % 3])
        ink = ImageDraw.Draw(sheet)
        for line in range(14):
            top, left = 170 + line * 80, 120.0
            stop = sheet.width - dice.randint(130, 420)
            while left < stop:
                word = dice.randint(50, 150)
                wiggle = [(left + k, top + 13 * math.sin(k / 7) * dice.uniform(0.5, 1)) for k in range(0, word, 5)]
                ink.line(wiggle, fill="#27405a" if line != 10 else "#a83a2a", width=6, joint="curve")
                left += word + 32
        sheet = sheet.rotate(turn, expand=True, resample=Image.Resampling.BICUBIC)
        shadow = Image.new("RGBA", sheet.size, "#5b3f2a")
        image.paste(shadow, (int(x * WIDTH) + 16, int(y * HEIGHT) + 20), sheet.getchannel("A").point(lambda alpha: alpha // 3))
        image.paste(sheet, (int(x * WIDTH), int(y * HEIGHT)), sheet)


PICTURES: dict[str, Callable[[Image.Image, Pen, random.Random], None]] = {
    picture.__name__: picture
    for picture in (harbour, skyline, books, waves, containers, fish, orbits, hills, fields, stage, table, letters)
}
