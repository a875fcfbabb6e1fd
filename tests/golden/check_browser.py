"""A browser renders every sample report: not blank, not wider than the window, no request.

All traffic goes through a proxy of this script, which answers nothing and keeps the addresses. A
page that does ask for something is rendered too: the check must see that.

usage: check_browser.py SOURCE_FOLDER SAMPLES_FOLDER; exit code 77: cannot be checked here.
"""

import http.server
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import zlib

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = (1280, 420)
HEIGHT = 1000
# What Chromium itself asks for on a start: updates, the time, accounts.
BROWSERS_OWN = (".google.com", ".googleapis.com", ".gvt1.com")
ASKING_PAGE = '<!DOCTYPE html><p>x</p><img src="http://asked-for.invalid/picture.png">'


class Proxy(http.server.ThreadingHTTPServer):
    """Answers 404 to everything and remembers what was asked for."""

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self):
        self.server.asked.append(self.path)
        self.send_error(404)

    do_GET = do_POST = do_HEAD = do_CONNECT = _answer

    def log_message(self, *_):
        pass


def host_of(address):
    """The host of an absolute address or of a CONNECT target."""
    return address.split("://")[-1].split("/")[0].split(":")[0]


def render(browser, proxy, page, width, picture, profile):
    """Takes a picture of the page; returns the addresses that were asked for."""
    proxy.asked.clear()
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-default-apps", "--disable-extensions",
         f"--user-data-dir={profile}", f"--proxy-server=127.0.0.1:{proxy.server_port}",
         f"--window-size={width},{HEIGHT}", f"--screenshot={picture}", page.as_uri()],
        check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return [address for address in proxy.asked if not host_of(address).endswith(BROWSERS_OWN)]


def pixels(picture):
    """Width, height and the rows of an 8-bit RGB or RGBA PNG (ISO/IEC 15948, section 9)."""
    data = picture.read_bytes()
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert depth == 8 and colour in (2, 6), (depth, colour)
    packed, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw = zlib.decompress(packed)
    size = 3 if colour == 2 else 4
    stride = width * size
    rows, above = [], bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + stride])
        unfilter(kind, row, above, size)
        rows.append(row)
        above = row
    return width, height, [[bytes(row[x:x + 3]) for x in range(0, stride, size)] for row in rows]


def unfilter(kind, row, above, size):
    """Undoes one row's filter in place."""
    for i in range(len(row)):
        left = row[i - size] if i >= size else 0
        corner = above[i - size] if i >= size else 0
        if kind == 1:
            row[i] = (row[i] + left) & 255
        elif kind == 2:
            row[i] = (row[i] + above[i]) & 255
        elif kind == 3:
            row[i] = (row[i] + (left + above[i]) // 2) & 255
        elif kind == 4:
            guess = left + above[i] - corner
            nearest = min((abs(guess - left), 0, left), (abs(guess - above[i]), 1, above[i]),
                          (abs(guess - corner), 2, corner))
            row[i] = (row[i] + nearest[2]) & 255


def problems_of(picture, width):
    """What is wrong with a picture of a report."""
    actual_width, height, rows = pixels(picture)
    if (actual_width, height) != (width, HEIGHT):
        return [f"the picture is {actual_width} x {height}"]
    background = rows[0][0]
    sampled = rows[::4]
    drawn = sum(pixel != background for row in sampled for pixel in row[::4])
    share = drawn / (len(sampled) * (width // 4))
    colours = {pixel for row in sampled for pixel in row[::4]}
    problems = []
    if share < 0.05:
        problems.append(f"only {share:.1%} of the picture is drawn")
    if len(colours) < 50:
        problems.append(f"only {len(colours)} colours: the pictures or styles are missing")
    if any(row[-1] != background for row in rows):
        problems.append("something is wider than the window")
    return problems


def main():
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("skipped: no Chromium is installed (apt install chromium)")
        return 77
    samples = pathlib.Path(sys.argv[2])
    proxy = Proxy()
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        asking = scratch / "asking.html"
        asking.write_text(ASKING_PAGE)
        asked = render(browser, proxy, asking, WIDTHS[0], scratch / "asking.png", scratch / "p")
        if not any("asked-for.invalid" in address for address in asked):
            failures.append("a page that asks for a picture was not noticed")
        if not problems_of(scratch / "asking.png", WIDTHS[0]):
            failures.append("an almost blank page was not noticed")
        reports = sorted(samples.glob("*/report.html"))
        for report in reports:
            for width in WIDTHS:
                picture = scratch / "report.png"
                asked = render(browser, proxy, report, width, picture, scratch / "p")
                problems = problems_of(picture, width)
                problems += [f"asked for {address}" for address in asked]
                failures += [f"{report.parent.name} at {width} px: {text}" for text in problems]
    print(f"{len(reports)} reports in {len(WIDTHS)} widths, {len(failures)} failures")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
