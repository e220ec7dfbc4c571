from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from analytics.ml.metrics import auc, expected_calibration_error, log_loss
from analytics.pipelines.evaluation.outcome import evaluate_outcome
from analytics.pipelines.evaluation.reading import BadInput

REPOSITORY = Path(__file__).resolve().parents[2]
KEYS = {
    "auc", "average_precision", "log_loss", "brier", "ece",
    "ece_floor", "ece_floor_p95", "lift_at_10", "base_rate", "accuracy",
    "majority_accuracy", "precision", "recall", "f1", "threshold",
    "fit_seconds", "rows_per_second", "warnings", "top_features", "baselines",
}  # fmt: skip


def awkward_table(rows: int = 400) -> pd.DataFrame:
    """A file as strangers send it: all text, with a column of every awkward sort."""
    rng = np.random.default_rng(0)
    amount = rng.normal(size=rows)
    region = rng.choice(["north", "south", "west"], rows)
    chance = expit(1.5 * amount + (region == "north") - 0.5)
    visits = rng.integers(0, 9, rows).astype(str)
    visits[:3] = ["inf", "-inf", "unknown"]
    return pd.DataFrame({
        "customer_id": [f"{number:06d}" for number in range(rows)],
        "amount": [f"{value:.4f}" for value in amount],
        "region": region,
        "visits": visits,
        "constant": "same",
        "empty": "",
        "since": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
        "left": np.where(rng.random(rows) < chance, "Yes", "No"),
    })  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The command, run as a stranger runs it: no environment, a database that nobody could reach."""
    folder = tmp_path_factory.mktemp("stranger")
    awkward_table().to_csv(folder / "table.csv", index=False)
    done = run(
        folder, "outcome", "table.csv", "--target", "left", "--positive", "Yes", "--folds", "2", "--json",
        "--predictions", "out.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, parse_constant=pytest.fail), pd.read_csv(folder / "out.csv"), done.stderr


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **more,
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://nobody@192.0.2.1:1/none",
        "SEXTANT_HOME": str(folder / "home"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, REPOSITORY / "manage.py", "evaluate", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_a_terminal_of_another_alphabet_is_written_to_all_the_same(tmp_path):
    rows = [f"{number % 17},{'是否否'[(number * number) % 3]}" for number in range(90)]
    (tmp_path / "left.csv").write_text("\n".join(["月数,流失", *rows]), encoding="utf-8")

    done = run(
        tmp_path, "outcome", "left.csv", "--target", "流失", "--positive", "是", "--folds", "2",
        PYTHONIOENCODING="ascii", PYTHONUTF8="1",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert r"\u6708\u6570" in done.stdout


def test_the_command_prints_every_figure_as_json_alone(evaluated):
    result, _, stderr = evaluated

    assert result.keys() >= KEYS
    assert set(result["baselines"]) == {
        "majority", "logistic", "hgb_default", "random_forest", "neural_network",
    }  # fmt: skip
    for figures in result["baselines"].values():
        assert {"auc", "log_loss", "ece", "fit_seconds"} <= figures.keys()
    assert result["auc"] > 0.75
    assert "neural_network" in stderr


def test_figures_are_those_of_the_predictions_it_writes(evaluated):
    result, predictions, _ = evaluated

    outcome, p = predictions["outcome"].to_numpy(), predictions["probability"].to_numpy()
    folds = [predictions[predictions["fold"] == number] for number in (1, 2)]
    assert result["auc"] == pytest.approx(np.mean([auc(f["outcome"], f["probability"]) for f in folds]))
    assert result["log_loss"] == pytest.approx(
        np.mean([log_loss(f["outcome"], f["probability"]) for f in folds])
    )
    assert result["ece"] == pytest.approx(expected_calibration_error(outcome, p))
    assert result["accuracy"] == pytest.approx((predictions["predicted"] == outcome).mean())
    assert result["recall"] == pytest.approx(predictions["predicted"][outcome == 1].mean())


def test_folds_are_the_ones_that_anybody_makes_of_the_file(evaluated):
    _, predictions, _ = evaluated
    label = (awkward_table()["left"] == "Yes").to_numpy()

    splitter = StratifiedKFold(2, shuffle=True, random_state=0)
    second = list(splitter.split(label, label))[1][1]

    assert predictions["row"][predictions["fold"] == 2].tolist() == (second + 1).tolist()


def test_nothing_was_started_and_nothing_reached(evaluated, tmp_path_factory):
    assert not list(tmp_path_factory.getbasetemp().glob("stranger*/home"))


def test_awkward_columns_are_named_and_do_no_harm(evaluated):
    result, _, _ = evaluated

    warnings = "\n".join(result["warnings"])
    assert "'visits': 2 infinite numbers, or numbers beyond 1e30, count as missing" in warnings
    assert all(f"'{column}'" in warnings for column in ("customer_id", "constant", "empty"))
    assert result["top_features"][0]["column"] == "amount"
    assert result["top_features"][0]["direction"] == "up"
    region = next(each for each in result["top_features"] if each["column"] == "region")
    assert region["highest"] == "north"


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, ["--target", "y", "--positive", "1"], "There is no file"),
        ("", ["--target", "y", "--positive", "1"], "empty"),
        ("x,y\n", ["--target", "y", "--positive", "1"], "no rows"),
        ("x,x\n1,2\n", ["--target", "x", "--positive", "1"], "more than once: x"),
        ("x,y\n1,2\n", ["--target", "z", "--positive", "1"], "no column 'z'. The file has: x, y"),
        ("x,y\n1,0\n2,1\n", ["--target", "y", "--positive", "yes"], "Its values: "),
        ("x,y\n1,1\n2,1\n", ["--target", "y", "--positive", "1"], "All rows of 'y' are 1"),
        ("x,y\n1,0\n2,1\n", ["--target", "y", "--positive", "1"], "Only 1 rows have the rarer outcome"),
        ("x,y\n1,0\n2,1\n", ["--target", "y", "--positive", "1", "--folds", "1"], "between 2 and 50"),
        ("x,y\n1,0\n2,1\n", ["--target", "y", "--positive", "1", "--cost-fp", "1"], "Give both costs"),
        ("x,y\n1,0\n2,1\n", ["--target", "y", "--positive", "1", "--time", "when"], "no column 'when'"),
        ("x,y\n1,0\n2,1\n", ["--target", "y", "--positive", "1", "--predictions", "no/where"], "be written"),
        ("\x00\x01\x02\x03" * 100, ["--target", "y", "--positive", "1"], "no text"),
    ],
)
def test_bad_input_is_refused_in_one_line_without_a_traceback(tmp_path, capsys, content, arguments, message):
    if content is not None:
        (tmp_path / "table.csv").write_text(content)
    arguments = [str(tmp_path / part) if part == "no/where" else part for part in arguments]

    with pytest.raises(CommandError) as refused:
        call_command("evaluate", "outcome", str(tmp_path / "table.csv"), *arguments)

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.returncode == 2
    assert capsys.readouterr().out == ""


def test_the_shell_sees_exit_code_two_and_one_line(tmp_path):
    done = run(tmp_path, "outcome", "absent.csv", "--target", "y", "--positive", "1", "--json")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["CommandError: There is no file absent.csv."]


def test_time_tests_on_the_latest_rows_and_leaves_the_column_out():
    table = awkward_table()
    table["since"] = table["since"].to_numpy()[::-1]  # the file runs backwards in time

    found = evaluate_outcome(table, target="left", positive="Yes", time="since", exclude=["customer_id"])

    assert found.predictions["row"].tolist() == list(range(1, 121))
    assert "since" not in {each["column"] for each in found.result["top_features"]}


def test_rows_of_one_and_the_same_time_can_t_be_split_by_it():
    table = awkward_table().assign(since="2024-01-01")

    with pytest.raises(BadInput, match="'since' is the same in all rows"):
        evaluate_outcome(table, target="left", positive="Yes", time="since")


def test_a_time_that_sorts_the_outcomes_apart_is_refused_in_words_of_time():
    table = awkward_table().sort_values("left").assign(since=lambda rows: range(len(rows)))

    with pytest.raises(BadInput, match="Split by time, one part has 0 rows of the rarer outcome"):
        evaluate_outcome(table, target="left", positive="Yes", time="since")


def test_too_few_of_one_outcome_says_how_many_are_missing_whatever_the_folds():
    table = awkward_table()
    few = pd.concat([table[table["left"] == "No"].head(5), table[table["left"] == "Yes"]])

    with pytest.raises(BadInput, match="Only 5 rows have the rarer outcome; 15 more are needed"):
        evaluate_outcome(few, target="left", positive="Yes", folds=5)


@pytest.mark.parametrize("seed", [-1, 1 << 32])
def test_a_seed_that_nothing_can_begin_with_is_refused(tmp_path, seed):
    awkward_table().to_csv(tmp_path / "t.csv", index=False)

    with pytest.raises(CommandError, match=f"not {seed}") as refused:
        call_command(
            "evaluate",
            "outcome",
            str(tmp_path / "t.csv"),
            "--target=left",
            "--positive=Yes",
            f"--seed={seed}",
        )

    assert refused.value.returncode == 2


@pytest.mark.parametrize("largest", [float("inf"), 1.7976931348623157e308])
def test_dates_and_numbers_that_stand_for_not_yet_are_no_obstacle(largest):
    table = awkward_table().assign(
        until=lambda rows: ["9999-12-31" if place % 3 else day for place, day in enumerate(rows["since"])],
        born=lambda rows: ["0001-01-01" if place % 5 else day for place, day in enumerate(rows["since"])],
        limit=lambda rows: [largest if place % 4 else 100.0 + place for place in range(len(rows))],
    )

    found = evaluate_outcome(table, target="left", positive="Yes", exclude=["customer_id"], folds=2)

    assert found.result["auc"] > 0.7
    assert [each["data"]["cells"] for each in found.result["findings"] if each["column"] == "limit"] == [300]
    assert all(figures["auc"] is not None for figures in found.result["baselines"].values())


def test_columns_that_tell_the_same_are_one_reason_and_others_are_not():
    rng = np.random.default_rng(1)
    months = rng.integers(1, 72, 400)
    table = awkward_table().assign(
        months=months,
        paid=months * rng.uniform(55, 65, 400),
        left_over=-months + rng.normal(0, 0.5, 400),
        half=months + rng.normal(0, 30, 400),  # goes along, but tells something of its own
    )

    found = evaluate_outcome(table, target="left", positive="Yes", exclude=["customer_id"], folds=2)

    groups = [set(each["columns"]) for each in found.result["top_features"]]
    assert {"months", "paid", "left_over"} in groups
    assert {"half"} in groups
    assert {"amount"} in groups
    together = next(each for each in found.result["top_features"] if len(each["columns"]) > 1)
    assert together["column"] == ", ".join(together["columns"])


def test_costs_decide_the_threshold():
    found = evaluate_outcome(
        awkward_table(), target="left", positive="Yes", exclude=["customer_id"], folds=2, cost_fp=1, cost_fn=4
    )

    assert found.result["threshold"] == pytest.approx(0.2)
    assert found.result["cost_per_row"]["ours"] < min(
        found.result["cost_per_row"]["nobody"], found.result["cost_per_row"]["everybody"]
    )


def test_rows_without_an_outcome_are_left_out_and_numbers_are_equal_by_value():
    table = awkward_table()
    table["left"] = np.where(table["left"] == "Yes", "1.0", "0")
    table.loc[:4, "left"] = ["", " ", "1", "01", "NaN"]

    found = evaluate_outcome(table, target="left", positive="1", exclude=["customer_id"], folds=2)

    assert found.result["rows"] == len(table) - 3
    assert found.predictions.set_index("row")["outcome"].loc[[3, 4]].tolist() == [1, 1]
    assert any("3 rows without an outcome" in warning for warning in found.result["warnings"])


def test_a_copy_of_the_outcome_is_refused():
    table = awkward_table()
    table["copy"] = table["left"].map({"Yes": "9", "No": "3"})

    found = evaluate_outcome(table, target="left", positive="Yes", folds=2)

    assert any("'copy' alone predicts the outcome" in warning for warning in found.result["warnings"])
    assert found.result["auc"] < 0.95


def test_too_few_positives_are_refused_with_what_is_missing():
    table = awkward_table()
    table["left"] = ["Yes"] * 12 + ["No"] * (len(table) - 12)

    with pytest.raises(BadInput, match="8 more are needed"):
        evaluate_outcome(table, target="left", positive="Yes")
