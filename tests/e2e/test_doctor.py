"""`hemosweep doctor` as a user calls it."""

import json


def test_doctor_tells_what_it_looks_at_and_ends_with_a_verdict(main, tmp_path):
    code, out, err = main("doctor", "--out", tmp_path / "runs")
    assert (code, err) == (0, "checking PyTorch and the GPU\n")
    assert out.splitlines()[0].startswith("ok       Python")
    assert out.splitlines()[-1].startswith("sweeps can run here; ")
    assert not (tmp_path / "runs").exists()


def test_its_json_has_the_same_findings(main, tmp_path):
    code, out, _ = main("doctor", "--out", tmp_path / "runs", "--json")
    report = json.loads(out)
    assert (code, report["ready"]) == (0, True)
    assert {"level", "what", "found", "meaning"} == set(report["findings"][0])


def test_what_every_sweep_needs_and_is_broken_is_exit_code_2(main, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, _ = main("doctor", "--out", tmp_path / "file" / "runs")
    assert code == 2
    assert "problem  folder of results" in out
    assert out.splitlines()[-1].startswith("no sweep can run here: 1 problem")
    code, out, _ = main("doctor", "--json", "--out", tmp_path / "file" / "runs")
    assert (code, json.loads(out)["ready"]) == (2, False)
