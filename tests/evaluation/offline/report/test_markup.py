"""Whatever is not markup already is escaped, in children and in attributes."""

from evaluation.offline.report.markup import Markup, element, joined, number


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = element("b", "1 < 2")
    assert element("p", inner, " & so on") == "<p><b>1 &lt; 2</b> &amp; so on</p>"


def test_attributes_cannot_be_left() -> None:
    found = element("p", title='"><script>alert(1)</script>')
    assert found == '<p title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"></p>'


def test_attribute_names_and_left_out_values() -> None:
    found = element("text", class_="a", text_anchor="end", x=1.5, y=2.0, hidden=True, id=None)
    assert found == '<text class="a" text-anchor="end" x="1.5" y="2" hidden></text>'


def test_void_elements_are_not_closed() -> None:
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_joined_takes_lists_and_nothing() -> None:
    assert joined("<", None, [Markup("<i>"), ">"]) == "&lt;<i>&gt;"


def test_coordinates_are_short() -> None:
    assert [number(v) for v in (1.0, 0.1 + 0.2, -0.004, 100.0)] == ["1", "0.3", "0", "100"]
