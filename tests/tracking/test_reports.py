from hemosweep.tracking.database import tagged_runs
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.reports import log_case_page, log_report


def test_a_case_page_lies_beside_the_report_of_its_sweep_and_is_replaced(out, replicate, tmp_path):
    Recorder(out).begin_replicate(replicate(sweep="se"))
    page, report = tmp_path / "any.html", tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_text("report")
    run_ids = set()
    for text in ("first", "second"):
        page.write_text(text)
        run_ids |= {log_case_page(out, "se", page), log_report(out, "se", report)}
    (run,) = tagged_runs(out, "hemosweep/", "hemosweep.level", "report")
    assert run_ids == {run.run_id}
    artifacts = out / "artifacts" / "se" / run.run_id / "artifacts"
    assert (artifacts / "cases.html").read_text() == "second"
    assert (artifacts / "report" / "index.html").read_text() == "report"
