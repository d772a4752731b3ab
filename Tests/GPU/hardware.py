"""What is to be known of a machine with a graphics card, in at most ten minutes: whether the operations are right there, how fast
they are, and how fast PyTorch is beside them. Needs torch alone, and a release build of the program and its tests:

    swift build -c release --build-tests
    python Tests/GPU/hardware.py

Each part has a limit of time of its own, and a part that fails does not stop the others. A folder, Outputs/hardware by default, has the
text of each part and results.json from the moment that a part ends, and table.md in the end, which is printed, too. The status
is 0 where all parts passed, 1 where one did not, 77 where there is no graphics card.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Part:
    def __init__(self, name, limit, command, result=None, needs_torch=False, is_extra=False):
        self.name, self.limit, self.command = name, limit, [str(word) for word in command]
        # The file that it writes its figures to; else what it prints has them.
        self.result, self.needs_torch = result, needs_torch
        # Nobody minds where the time does not suffice for it.
        self.is_extra = is_extra
        self.outcome, self.seconds, self.figures = "not run", 0.0, None

    def run(self, folder, limit):
        start = time.monotonic()
        with open(folder / f"{self.name}.txt", "w") as text:
            text.write(f"$ {' '.join(self.command)}\n")
            text.flush()
            try:
                process = subprocess.Popen(
                    self.command, cwd=ROOT, stdout=text, stderr=subprocess.STDOUT, start_new_session=True)
            except OSError as error:
                self.outcome = f"failed: {error}"
                return
            try:
                status = process.wait(limit)
                self.outcome = "passed" if status == 0 else f"failed with status {status}"
            except subprocess.TimeoutExpired:
                self.stop(process)
                self.outcome = f"stopped after {limit:.0f} s"
            except BaseException:
                self.stop(process)
                raise
        self.seconds = time.monotonic() - start
        if self.outcome == "passed":
            self.read((folder / f"{self.name}.txt").read_text())

    def stop(self, process):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def read(self, text):
        """Takes the figures from what it wrote; a test run of no tests did not pass."""
        if self.name == "tests":
            count = re.search(r"Test run with (\d+) tests? .*passed", text)
            self.figures = {"tests": int(count[1]) if count else 0}
            if not self.figures["tests"]:
                self.outcome = "failed: there were no tests"
            return
        try:
            lines = [line for line in text.splitlines() if line.startswith("{")]
            self.figures = json.loads(Path(self.result).read_text() if self.result else lines[-1])
        except (OSError, ValueError, IndexError) as error:
            self.outcome = f"failed: its figures cannot be read ({error})"

    def record(self):
        return {"name": self.name, "command": self.command, "outcome": self.outcome, "seconds": round(self.seconds, 1),
                "figures": self.figures}


def tests(build):
    """How the tests for graphics cards are run; without Swift's own programs, by the tests' own."""
    if shutil.which("swift"):
        return ["swift", "test", "-c", "release", "--skip-build", "--filter", "GPU"]
    return [build / "diffusionclipPackageTests.xctest", "--testing-library", "swift-testing", "--filter", "GPU"]


def parts(arguments, folder):
    program = arguments.build / "diffusionclip"
    yield Part("tests", 150, tests(arguments.build))
    for case, limit in [("forward", 30), ("finetune", 60), ("memory-0 finetune", 60), ("inversion", 60)]:
        yield Part(f"bench-{case.replace(' ', '-')}", limit, [
            program, "bench", "--device", arguments.device, "--case", f"celeba-hq-256 {case}", "--json"])

    def compared(name, limit, *words, is_extra=False):
        result = folder / f"{name}.json"
        return Part(name, limit, [
            sys.executable, "Tests/Benchmarks/compare_with_pytorch.py", program, *words, "--device", "cuda", "--json",
            result], result, needs_torch=True, is_extra=is_extra)

    alone = ["--alone", "--rounds", 3]
    yield compared("product-float32", 60, "product", "--rounds", 1)
    for case, limit in [("forward", 90), ("finetune", 120)]:
        yield compared(f"{case}-float32", limit, case, "--channels-last", "--rounds", 2)
        for dtype in ("float32", "tf32", "bf16"):
            if dtype != "float32":
                yield compared(f"{case}-{dtype}", 60, case, "--dtype", dtype, "--channels-last", *alone)
            yield compared(f"{case}-{dtype}-official", 60, case, "--dtype", dtype, *alone)
    yield compared("forward-bf16-weights", 60, "forward", "--dtype", "bf16", "--weights", "--channels-last", *alone)
    for dtype in ("float32", "bf16"):
        yield compared(f"forward-{dtype}-compiled", 120, "forward", "--dtype", dtype, "--channels-last", "--compile",
                       *alone, is_extra=True)


def written(path, text):
    """Writes a file so that it is always a whole one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def devices(program):
    """What the program lists: every card, and why one is passed over."""
    try:
        listed = subprocess.run([program, "devices", "--json"], stdout=subprocess.PIPE, text=True, timeout=60)
    except OSError as error:
        sys.exit(f"{error}: build the program, or name its folder with --build")
    if listed.returncode:
        sys.exit(f"{program} devices ended with status {listed.returncode}")
    return json.loads(listed.stdout)["devices"]


def pytorch():
    """The version of PyTorch, and the card that it would compute on; asked elsewhere, so that no memory is taken here."""
    code = "import torch; print(torch.__version__); torch.cuda.is_available() and print(torch.cuda.get_device_name())"
    try:
        asked = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=120)
        lines = asked.stdout.splitlines()
    except subprocess.TimeoutExpired:
        lines = []
    return (lines + [None, None])[:2]


def table(done, card, torch_version):
    """What was found, in Markdown."""
    found = {part.name: part.figures for part in done if part.outcome == "passed"}
    lines = [f"{card['name']}, {card['runtime']}, driver {card['driver']}; PyTorch {torch_version}"]
    benches = [figures for name, figures in found.items() if name.startswith("bench-")]
    if benches:
        lines += ["", "| case | seconds | GFLOP/s | of the peak | device memory | transfers to it, back | kernels |",
                  "|---|---|---|---|---|---|---|"]
    for report in benches:
        for case in report["cases"]:
            lines.append(
                f"| {case['name']} | {case['seconds']:.4f} | {case['gflops']:.0f} | {case['ratio']:.2f} of "
                f"{report['sgemm_gflops']:.0f} | {case['device_mb']:.0f} MB | {case['transfers_to_device']}, "
                f"{case['transfers_to_host']} | {case['launches']} |")
    compared = [figures for figures in found.values() if "pytorch_seconds" in figures]
    ours = {figures["case"]: figures for figures in compared if figures["our_seconds"]}
    if compared:
        lines += ["", "| case | PyTorch in | PyTorch | memory | diffusionclip (float32) | memory | PyTorch's time over ours |",
                  "|---|---|---|---|---|---|---|"]
    for figures in compared:
        settings = [figures["dtype"] + (" weights" if figures["weights"] else "")]
        settings += [word for word, key in (("channels-last", "channels_last"), ("compiled", "compile")) if figures[key]]
        theirs = statistics.median(figures["pytorch_seconds"])
        cells = [figures["case"], ", ".join(settings), f"{theirs:.4f} s", f"{figures['pytorch_mb']:.0f} MB"]
        beside = ours.get(figures["case"])
        if beside:
            seconds, megabytes = statistics.median(beside["our_seconds"]), beside["our_mb"]
            cells += [f"{seconds:.4f} s", "" if megabytes is None else f"{megabytes:.0f} MB", f"{theirs / seconds:.2f}"]
        else:
            cells += ["", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| part | outcome | seconds |", "|---|---|---|"]
    lines += [f"| {part.name} | {part.outcome} | {part.seconds:.0f} |" for part in done]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / ".build/release", help="where the program and its tests are")
    parser.add_argument("--device", default="gpu", help="which card bench measures, as it takes it")
    parser.add_argument("--to", type=Path, default=ROOT / "Outputs/hardware", help="the folder for what is found")
    parser.add_argument("--limit", type=float, default=580, help="seconds for all parts together")
    parser.add_argument("--only", default="", help="a regular expression that the parts' names must have")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.limit
    arguments.build = arguments.build.resolve()
    cards = devices(arguments.build / "diffusionclip")
    # The first card that is not passed over, or the one of a number.
    card = next((card for card in cards if arguments.device == card["device"]
                 or arguments.device == "gpu" and not card["passed_over"]), None)
    if card is None:
        print("NOT MEASURED: there is no graphics card here that can be used", file=sys.stderr)
        sys.exit(77)
    folder = arguments.to.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    torch_version, torch_card = pytorch()
    chosen = [part for part in parts(arguments, folder) if re.search(arguments.only, part.name)]
    for part in chosen:
        left = end - time.monotonic()
        if part.needs_torch and not torch_card:
            part.outcome = "not run: PyTorch is not here, or finds no graphics card"
        elif left < 5:
            part.outcome = "not run: the time is out"
        else:
            part.run(folder, min(part.limit, left))
        print(f"{part.name}: {part.outcome} ({part.seconds:.0f} s)", flush=True)
        written(folder / "results.json", json.dumps({
            "devices": cards, "card": card, "torch": torch_version, "torch_card": torch_card, "parts": [p.record() for p in chosen]}, indent=1))
    text = table(chosen, card, torch_version)
    written(folder / "table.md", text)
    print(f"\n{text}", end="")
    sys.exit(any(part.outcome != "passed" and not part.is_extra for part in chosen))


if __name__ == "__main__":
    main()
