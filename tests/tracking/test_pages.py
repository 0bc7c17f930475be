import asyncio

from hemosweep.tracking.pages import SCRIPT, _start_page


def test_mlflows_start_page_runs_our_script_before_its_own():
    page = _start_page()
    assert (page.path, page.methods) == ("/", {"GET", "HEAD"})
    text = asyncio.run(page.endpoint(None)).body.decode()
    assert text.index(SCRIPT) < text.index("static-files/static/js/main")
