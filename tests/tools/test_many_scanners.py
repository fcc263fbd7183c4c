"""Two scanners, two nodes, one scrape: what configs/compose.yaml describes, without containers."""

import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.root import ROOT
from tests.tools.programs import write_press
from tools.children import child

PROMETHEUS = shutil.which("prometheus") or ""
SCANNERS = ("a", "b")
COUNTS = ("received", "lost", "refused", "overwritten")


def scraped(addresses: dict[str, str]) -> Counter[tuple[str, str]]:
    """Counts by scanner and metric, read once from every node."""
    found: Counter[tuple[str, str]] = Counter()
    for scanner, address in addresses.items():
        with urlopen(f"http://{address}/metrics") as answer:
            for family in text_string_to_metric_families(answer.read().decode()):
                for sample in family.samples:
                    found[scanner, sample.name] += int(sample.value)
    return found


def ended(counts: Counter[tuple[str, str]], scanner: str, sent: int) -> bool:
    """Whether every frame has come, or is known to be lost, and has an end."""
    received, lost, refused, overwritten = (counts[scanner, f"musse_frames_{name}_total"] for name in COUNTS)
    published = counts[scanner, "musse_results_published_total"]
    return received + lost == sent and received == refused + overwritten + published


@contextmanager
def prometheus(addresses: dict[str, str], folder: Path) -> Iterator[str]:
    """Prometheus with configs/prometheus.yml, its targets replaced; yields its address."""
    text = yaml.safe_load((ROOT / "configs" / "prometheus.yml").read_text("utf-8"))
    text["global"]["scrape_interval"] = "1s"
    text["rule_files"] = [str(ROOT / "configs" / "alerts.yml")]
    for entry in text["scrape_configs"][0]["static_configs"]:
        entry["targets"] = [addresses[entry["labels"]["scanner"]]]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(text))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        PROMETHEUS,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield address
        finally:
            process.terminate()


def asked(address: str, query: str) -> dict[str, float]:
    """The answer of a Prometheus by scanner."""
    with urlopen(f"http://{address}/api/v1/query?query={quote(query)}") as answer:
        found = json.load(answer)["data"]["result"]
    return {entry["metric"].get("scanner", ""): float(entry["value"][1]) for entry in found}


@pytest.mark.long
def test_two_nodes_are_told_apart_in_one_scrape_and_their_books_balance(tmp_path: Path) -> None:
    with ExitStack() as stack:
        nodes, replays, addresses = {}, {}, {}
        for number, scanner in enumerate(SCANNERS):
            recording = write_press(tmp_path / f"{scanner}.h5", 40 + 20 * number, seed=number)
            replay = ("replay", str(recording), "--bind", "tcp://127.0.0.1:0", "--wait-subscribers", "1")
            replays[scanner] = stack.enter_context(child(*replay, "--source", f"scanner-{scanner}", "--json"))
            source = replays[scanner].wait_for("ready")["rf"]
            run = ("run", "--connect", source, "--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0")
            nodes[scanner] = stack.enter_context(child(*run, "--no-keep", "--engine", "trivial", "--json"))
            addresses[scanner] = nodes[scanner].wait_for("ready")["http"].removeprefix("http://")
        sent = {scanner: replay.wait_for("summary")["sent"] for scanner, replay in replays.items()}
        assert sent == {"a": 40, "b": 60}
        end = time.monotonic() + 30
        while not all(ended(counts := scraped(addresses), scanner, sent[scanner]) for scanner in SCANNERS):
            assert time.monotonic() < end, counts
        if PROMETHEUS:
            with prometheus(addresses, tmp_path) as address:
                end = time.monotonic() + 30
                while time.monotonic() < end:
                    time.sleep(0.5)
                    try:
                        if len(found := asked(address, "musse_frames_received_total")) == len(SCANNERS):
                            break
                    except OSError:
                        continue
                assert found == {
                    scanner: counts[scanner, "musse_frames_received_total"] for scanner in SCANNERS
                }
                down = 'up{job="musse-stream"} == 0'
                assert asked(address, down) == {}
                nodes["b"].ask_to_stop()
                assert nodes["b"].wait_for("summary")["unaccounted"] == 0
                while time.monotonic() < end + 30 and not (found := asked(address, down)):
                    time.sleep(0.5)
                assert found == {"b": 0.0}  # the scrape names the scanner whose node is gone
        nodes["a"].ask_to_stop()
        assert nodes["a"].wait_for("summary")["unaccounted"] == 0
