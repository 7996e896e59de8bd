"""`train eval` speaks to people unless it is asked for JSON, which then is all that it prints."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from train.cli import app
from train.evaluation import evaluate as module
from train.evaluation.judge_checkpoint import evaluate
from train.testing import corpus


def test_json_is_printed_only_where_it_is_asked_for(checkpoint, tmp_path, monkeypatch):
    folder, spec = checkpoint
    report = evaluate(folder, spec, corpus("talk", ("audio",)).part("test"), "test", resamples=2)
    monkeypatch.setattr(module, "evaluate_corpus", lambda *args, **options: report)
    command = ["eval", str(folder), "--corpus", "emodb", "--data", str(tmp_path)]
    plain, asked = (CliRunner().invoke(app, [*command, *more]) for more in ([], ["--json"]))
    assert plain.exit_code == asked.exit_code == 0, plain.output + asked.output
    assert "by label" in plain.output
    assert "{" not in plain.output
    assert json.loads(asked.stdout)["corpus"] == "talk"
