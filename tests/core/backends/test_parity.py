"""The stored vectors reach every branch, and no broken network passes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from core.backends.base import NETWORKS
from core.backends.modules import load_module
from core.backends.parity import Finding, compare, demand, first_cases, load_cases, save_cases
from core.backends.precision import reduce_precision
from core.backends.vectors import make_cases, run_eager
from core.errors import ModelError
from tests.core.backends.fake_backend import ignores_masks


def with_fusion(runners, change):
    return {**runners, "fusion": change(runners["fusion"])}


def test_the_vectors_hold_every_pattern_several_rows_and_both_ends_of_every_length(spec, cases):
    masks = [np.stack([m.any(axis=1) for m in case.inputs[6:]], axis=1) for case in cases["fusion"]]
    patterns = {tuple(row) for mask in masks for row in mask}
    assert len(patterns) == 7
    assert {len(mask) for mask in masks} == {1, 8}
    names = {case.name: case for case in cases["fusion"]}
    assert all(mask.sum() == 1 for mask in names["shortest window"].inputs[6:])
    assert all(mask.all() for mask in names["longest window"].inputs[6:])
    assert {case.inputs[0].shape[1] for case in cases["text"]} >= {3, 64}
    assert {len(case.inputs[0]) for case in cases["audio"]} == {1, 3}
    assert {len(case.inputs[0]) for case in cases["visual"]} == {1, 4}


def test_the_vectors_survive_their_file(cases, tmp_path):
    save_cases(cases, tmp_path / "vectors")
    found = load_cases(tmp_path / "vectors")
    for network in NETWORKS:
        for ours, theirs in zip(found[network], cases[network], strict=True):
            assert ours.name == theirs.name
            for a, b in zip(ours.inputs + ours.outputs, theirs.inputs + theirs.outputs, strict=True):
                np.testing.assert_array_equal(a, b)
                assert a.dtype == b.dtype
    first = load_cases(tmp_path / "vectors", first_only=True)
    assert {n: [c.name for c in several] for n, several in first.items()} == {
        n: [several[0].name] for n, several in first_cases(cases).items()
    }


@pytest.mark.parametrize("content", [None, b"", b"no vectors at all"])
def test_a_damaged_file_of_vectors_is_refused(content, tmp_path):
    path = tmp_path / "vectors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as parity vectors"):
        load_cases(path)


def test_the_exported_networks_pass_in_full_precision(spec, cases, runners):
    found = compare(spec, cases, runners, runners["fusion"])
    assert set(found) == set(NETWORKS)
    assert max(finding.delta_p for finding in found.values()) < 1e-5
    assert sum(finding.flips for finding in found.values()) == 0
    demand(found, reduced=False, what="onnx")


def causal(run):
    """Whatever comes after the first masked token is hidden too."""
    return lambda *inputs: run(*inputs[:6], *(np.logical_and.accumulate(mask, axis=1) for mask in inputs[6:]))


BROKEN = {
    "masks ignored": lambda run: ignores_masks("fusion", run),
    "masks made causal": causal,
    "times ignored": lambda run: lambda *x: run(*x[:3], *(np.zeros_like(t) for t in x[3:6]), *x[6:]),
    "labels turned": lambda run: lambda *x: [np.roll(run(*x)[0], 1, axis=1), *run(*x)[1:]],
    "peers turned": lambda run: lambda *x: [run(*x)[0], np.roll(run(*x)[1], 1, axis=2), *run(*x)[2:]],
    "attribution turned": lambda run: lambda *x: [*run(*x)[:2], np.roll(run(*x)[2], 1, axis=1), run(*x)[3]],
    "no affect": lambda run: lambda *x: [*run(*x)[:3], np.zeros_like(run(*x)[3])],
    "not a number": lambda run: lambda *x: [y * np.nan for y in run(*x)],
    "rows swapped": lambda run: lambda *x: [y[::-1] for y in run(*x)],
    "an output less": lambda run: lambda *x: run(*x)[:3],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_fusion_network_does_not_pass(name, spec, cases, runners):
    broken = with_fusion(runners, BROKEN[name])
    found = compare(spec, cases, {"fusion": broken["fusion"]}, runners["fusion"])
    with pytest.raises(ModelError, match=r"fusion differs by .* in the case '.*' \(.*\); 0.0001 is allowed"):
        demand(found, reduced=False, what="broken")


@pytest.mark.parametrize("network", ["text", "audio", "visual"])
def test_tokens_that_are_off_are_judged_by_the_estimate_that_they_lead_to(network, spec, cases, runners):
    def off(*inputs):
        return [tokens * 1.5 + 0.3 for tokens in runners[network](*inputs)]

    found = compare(spec, cases, {network: off}, runners["fusion"])
    assert 1e-3 < found[network].delta_p <= 1.0


def test_what_stands_behind_a_text_does_not_count(spec, cases, runners):
    def other_padding(ids, mask):
        return [np.where(mask[..., None], runners["text"](ids, mask)[0], 7.0)]

    found = compare(spec, cases, {"text": other_padding}, runners["fusion"])
    demand(found, reduced=False, what="onnx")


def test_the_tolerance_of_reduced_precision_is_its_own():
    found = {"fusion": Finding(1e-2, "a case", "fusion")}
    demand(found, reduced=True, what="half")
    with pytest.raises(ModelError, match=r"half says .* differs by 0\.01 .*0\.0001 is allowed"):
        demand(found, reduced=False, what="half")
    with pytest.raises(ModelError, match=r"0\.02 is allowed"):
        demand({"fusion": Finding(float("nan"), "", "")}, reduced=True, what="half")


def test_a_network_that_looks_behind_its_masks_gets_no_vectors(spec, random_checkpoint, weights):
    modules = {n: load_module(n, spec, random_checkpoint, weights) for n in NETWORKS}

    class Blind(type(modules["fusion"])):
        def forward(self, *inputs):
            return super().forward(*inputs[:6], *(torch.ones_like(mask) for mask in inputs[6:]))

    blind = Blind(modules["fusion"].net)
    with pytest.raises(ModelError, match="cannot tell whether a mask is obeyed"):
        make_cases(spec, {**modules, "fusion": blind})


def test_reduced_precision_stays_within_its_tolerance_and_keeps_sums_in_float32(
    spec, cases, runners, random_checkpoint, weights
):
    module = load_module("fusion", spec, random_checkpoint, weights, "bf16")
    assert {p.dtype for p in module.parameters()} == {torch.float32, torch.bfloat16}
    norms = [m for m in module.modules() if isinstance(m, nn.LayerNorm)]
    assert norms
    assert all(norm.weight.dtype == torch.float32 for norm in norms)
    ours = {"fusion": lambda *x: list(run_eager(module, x))}
    found = compare(spec, cases, ours, runners["fusion"])
    assert 1e-5 < found["fusion"].delta_p < 2e-2


def test_full_precision_leaves_a_network_as_it_is():
    net = nn.Sequential(nn.Linear(2, 2))
    assert reduce_precision(net, "fp32") is net
    assert isinstance(net[0], nn.Linear)
