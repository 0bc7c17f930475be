from hemosweep.tracking import views
from hemosweep.tracking.links import moved


def test_links_of_a_description_are_those_of_another_store():
    a, b = "a" * 32, "b" * 32
    here = f"[x]({views.page('7', views.ARMS, views.TABLE_MODE)}) [y]({views.compare_page('7', [a, b])})"
    there = f"[x]({views.page('12', views.ARMS, views.TABLE_MODE)}) [y]({views.compare_page('12', [b, a])})"
    assert moved(here, {"7": "12"}, {a: b, b: a}) == there
    assert moved(here, {}, {}) == here
