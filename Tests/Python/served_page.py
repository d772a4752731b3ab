"""The page of `diffusionclip serve` in a real browser: with a hundred runs, while a run goes on, after it is killed, on a
narrow window, light and dark, by keyboard, and without a complaint on the console.

    python3 Tests/Python/served_page.py .build/release/diffusionclip

Needs Chromium and the package websocket-client. Exit status 77: there is no Chromium.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import websocket

program = os.path.abspath(sys.argv[1])
chromium = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
if chromium is None:
    print("NOT CHECKED: the served page, which needs Chromium", file=sys.stderr)
    sys.exit(77)

work = tempfile.mkdtemp()
processes = []


class Browser:
    """A page, driven by Chromium's protocol for developer tools."""

    def __init__(self):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
                     "--remote-allow-origins=*", f"--user-data-dir={work}/browser", "about:blank"]
        processes.append(subprocess.Popen([chromium] + arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        port = wait(lambda: open(f"{work}/browser/DevToolsActivePort").read().split()[0], 30)
        pages = wait(lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json")), 30)
        target = next(page for page in pages if page["type"] == "page")
        self.socket = websocket.create_connection(target["webSocketDebuggerUrl"], timeout=60)
        self.number, self.complaints = 0, []
        for domain in ["Runtime", "Log", "Page"]:
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            self.note(message)
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]

    def note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"]["text"])
        if method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"] + " " + parameters["entry"].get("url", ""))
        if method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.complaints.append(str(parameters["args"]))

    def value(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (script, result)
        return result["result"].get("value")

    def window(self, width, height, scheme):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def key(self, name, code, text=None):
        for kind in ["keyDown", "keyUp"]:
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **more)

    def picture(self, name):
        folder = os.environ.get("PICTURES")
        if folder:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


def wait(what, seconds=20):
    """What `what` gives, once it is something and no error."""
    end = time.monotonic() + seconds
    while True:
        problem = None
        try:
            found = what()
            if found:
                return found
        except (OSError, ValueError, IndexError, urllib.error.URLError) as error:
            problem = error
        assert time.monotonic() < end, problem or "it did not come in time"
        time.sleep(0.1)


def start(*arguments, **options):
    process = subprocess.Popen([program, *arguments], cwd=work, stderr=subprocess.DEVNULL, text=True, **options)
    processes.append(process)
    return process


def status(url, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers)).status
    except urllib.error.HTTPError as error:
        return error.code


try:
    os.makedirs(f"{work}/.git")
    with open(f"{work}/tiny.yaml", "w") as file:
        file.write("""recipe: tiny
description: A <b>tiny</b> recipe.
params: { seed: 1 }
stages:
  people: { synthesize: { count: 2, size: 16, seed: "${seed}" } }
  others: { synthesize: { count: 2, size: 16, seed: 7 } }
  scores: { metric: { images: people, reference: others, measures: [mae] } }
outputs: [people, scores]
""")
    with open(f"{work}/long.yaml", "w") as file:
        file.write("""recipe: long
stages:
  photos: { synthesize: { count: 6, size: 16 } }
  model:
    train: { network: diffusion, images: photos, steps: 1000000, batch_size: 2, warmup_steps: 1, channels: 8,
             multipliers: [1, 2], attention: [8], groups: 4 }
""")
    for seed in range(100):
        subprocess.run([program, "run", "tiny.yaml", "--set", f"seed={seed}", "--threads", "1"], cwd=work, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = start("serve", stdout=subprocess.PIPE)
    address = server.stdout.readline().strip()
    origin = address[:address.index("/", 8)]
    assert status(address) == 200 and status(address + "runs") == 200
    assert status(origin + "/") == status(origin + "/runs") == status(address[:-2] + "/") == 404
    assert status(address, Host="example.org") == 421
    for query in ["", "?recipe=..&id=x", "?recipe=tiny", "?recipe=tiny&id=..", "?recipe=%2Fetc&id=passwd"]:
        assert status(f"{address}run{query}") == 404, query
    assert status(f"{address}picture?key=" + "0" * 64) == status(f"{address}nothing") == 404

    # A hundred runs.
    browser = Browser()
    browser.window(1300, 900, "light")
    browser.call("Page.navigate", url=address)
    rows = "document.querySelectorAll('#runs tr').length"
    wait(lambda: browser.value(rows) == 100)
    browser.picture("hundred.png")
    browser.value("filter.value = 'seed=42'; filter.dispatchEvent(new Event('input'))")
    assert browser.value(rows) == 1, browser.value(rows)
    browser.value("filter.value = ''; filter.dispatchEvent(new Event('input'))")
    column = "[...document.querySelectorAll('#columns th')].findIndex(one => one.textContent.startsWith('scores.mae'))"
    browser.value(f"document.querySelectorAll('#columns th')[{column}].querySelector('button').click()")
    numbers = browser.value(f"[...document.querySelectorAll('#runs tr')].map(row => +row.children[{column}].textContent)")
    assert len(numbers) == 100 and numbers == sorted(numbers) and numbers[0] < numbers[-1], numbers[:5]

    # By keyboard: a run is opened by Enter, two are checked by the space bar.
    browser.value("document.querySelector('#runs .open').focus()")
    browser.key("Enter", 13, "\r")
    wait(lambda: browser.value("!run.hidden && run.querySelectorAll('svg.graph .node').length") == 3)
    # Its pictures come from the store.
    wait(lambda: browser.value("[...document.querySelectorAll('.pictures img')].filter(one => one.naturalWidth == 16).length") == 8)
    assert "A <b>tiny</b> recipe." in browser.value("run.textContent"), "text from outside is text"
    for place in [0, 1]:
        browser.value(f"document.querySelectorAll('#runs input')[{place}].focus()")
        browser.key(" ", 32, " ")
    assert browser.value("!compare.disabled && compare.textContent") == "Compare 2 runs"

    # A run that goes on: it comes by itself, with curves and how far it is; then it is killed.
    running = start("run", "long.yaml", "--threads", "1", stdout=subprocess.DEVNULL)
    wait(lambda: browser.value("[...document.querySelectorAll('#runs td.running')].length") == 1, 30)
    browser.value("[...document.querySelectorAll('#runs tr')].find(row => row.querySelector('.running')).querySelector('.open').click()")
    wait(lambda: browser.value("run.querySelectorAll('progress').length") == 1, 30)
    wait(lambda: browser.value("run.querySelectorAll('.node.running').length") == 1, 30)
    points = "run.querySelector('svg.curve polyline')?.getAttribute('points').split(' ').length ?? 0"
    first = wait(lambda: browser.value(points), 60)
    wait(lambda: browser.value(points) > first, 60)
    browser.picture("running.png")
    running.send_signal(signal.SIGKILL)
    running.wait()
    wait(lambda: browser.value("[...document.querySelectorAll('#runs td.killed')].length") == 1, 30)
    wait(lambda: browser.value("run.querySelectorAll('progress').length") == 0, 30)

    # A narrow window, light and dark.
    colors = []
    for scheme in ["light", "dark"]:
        browser.window(400, 900, scheme)
        assert browser.value("document.scrollingElement.scrollWidth") <= 400
        colors.append(browser.value("getComputedStyle(document.body).backgroundColor"))
        browser.picture(f"narrow-{scheme}.png")
    assert colors[0] != colors[1], colors
    assert browser.complaints == [], browser.complaints

    # The server ends at once, also with a page that listens; the page says so.
    server.send_signal(signal.SIGINT)
    assert server.wait(10) == 0
    wait(lambda: "not connected" in browser.value("link.textContent"))
    print("the served page: all is well")
finally:
    for process in processes:
        process.kill()
    shutil.rmtree(work, ignore_errors=True)
