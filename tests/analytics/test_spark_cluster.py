"""Scoring on a Spark cluster of its own: a master, a worker, executors, and the product as their driver."""

import importlib.util
import os
import shutil
import socket
import time
from pathlib import Path

import pytest

from analytics.pipelines import scoring
from config.children import Child, end_all
from crm.models import Score, Value
from tests.demo_data import run_pipeline
from tests.proof.scored_book import make_scored_book, published, unpublish

HAS_SPARK = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("lake_home"),
    pytest.mark.skipif(not HAS_SPARK, reason="needs the extra [spark] and a Java runtime"),
    pytest.mark.spark,
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def cluster(tmp_path):
    """Start a standalone master and a worker with one core; return the address of the master."""
    home = Path(importlib.util.find_spec("pyspark").origin).parent
    port = free_port()
    variables = [f"SPARK_HOME={home}", "SPARK_LOCAL_IP=127.0.0.1", "SPARK_LOCAL_HOSTNAME=127.0.0.1"]
    start = ["env", *variables, str(home / "bin" / "spark-class")]
    url = f"spark://127.0.0.1:{port}"
    master = ["org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port)]
    worker = ["org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", "1"]
    children = []
    try:
        children.append(
            Child(name="master", command=[*start, *master, "--webui-port", "0"], log=tmp_path / "master.log")
        )
        wait_for_line(tmp_path / "master.log", "Starting Spark master")
        options = ["--memory", "1g", "--webui-port", "0", "--work-dir", str(tmp_path / "work"), url]
        children.append(
            Child(name="worker", command=[*start, *worker, *options], log=tmp_path / "worker.log")
        )
        wait_for_line(tmp_path / "worker.log", "Successfully registered with master")
        yield url
    finally:
        end_all(children)


def wait_for_line(log, text, seconds=120):
    deadline = time.monotonic() + seconds
    while not log.exists() or text not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline, log.read_text(errors="replace") if log.exists() else "no log"
        time.sleep(0.2)


def test_a_book_is_scored_on_a_cluster_as_in_process(cluster, settings, monkeypatch, tmp_path):
    make_scored_book(monkeypatch)
    expected = published()
    unpublish()
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    for name, value in {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "false",
    }.items():
        monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell"))
        prefix = f"--conf {name}={value} "
        monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", prefix + os.environ["PYSPARK_SUBMIT_ARGS"])
    settings.ANALYTICS_URL = cluster

    as_of = expected["scores"][0][-1].isoformat()
    run_pipeline(scoring.run, task="analytics.score_book", book="generated", as_of=as_of)

    assert Score.objects.count() == len(expected["scores"]) > 300
    assert Value.objects.count() == len(expected["values"])
    for ours, theirs in zip(published()["scores"], expected["scores"], strict=True):
        assert ours[:2] == theirs[:2]
        assert ours[2:4] == pytest.approx(theirs[2:4], rel=1e-9)
    found = [row[:4] for row in published()["offers"]]
    assert found == [row[:4] for row in expected["offers"]]
    assert "Registered app" in (tmp_path / "master.log").read_text(errors="replace")
