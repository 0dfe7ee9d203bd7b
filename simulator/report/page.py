"""The report as one HTML file that needs nothing else: the same parts as the text, and the figures as SVG."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from simulator.report.figures.drawing import figures
from simulator.report.figures.style import files
from simulator.report.reading import Reading
from simulator.report.sections import Sentences, sections
from simulator.report.verdict import answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulator.study.results import Study

_TEMPLATE: Final = """\
{% macro shown(figures) %}
{% for title, svg in figures %}
<figure role="img" aria-label="{{ title }}">{{ svg }}</figure>
{% endfor %}
{% endmacro %}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ name }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tbody th { font-weight: normal; }
ul { padding-left: 1.25rem; } .inner { margin-left: 1.5rem; list-style: circle; }
.answer { border-left: 4px solid #333; padding-left: 1rem; } .remark { color: #595959; font-size: .9rem; }
figure { margin: 1.5rem 0; } figure svg { width: 100%; height: auto; }
</style>
</head>
<body>
<h1>{{ name }}</h1>
{% for part in parts %}
<section{% if loop.first %} class="answer"{% endif %}>
<h2>{{ part.title }}</h2>
{% if part.is_table %}
<table>
<thead><tr>{% for column in part.columns %}<th scope="col">{{ column }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in part.rows %}
<tr>{% for cell in row %}
{% if loop.first %}<th scope="row">{{ cell }}</th>{% else %}<td>{{ cell }}</td>{% endif %}
{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
{% if part.remark %}<p class="remark">{{ part.remark }}</p>{% endif %}
{% else %}
<ul>
{% for line in part.lines %}
<li{% if line.startswith(" ") %} class="inner"{% endif %}>{{ line.strip() }}</li>
{% endfor %}
</ul>
{% endif %}
</section>
{% if loop.first %}
{{ shown(drawings) }}
{% endif %}
{% endfor %}
<h2>One replication</h2>
{{ shown(timelines) }}
</body>
</html>
"""
_IDENTIFIER: Final = re.compile(r'(\bid="|xlink:href="#|\bhref="#|url\(#)')


def page(study: Study, drawings: Mapping[str, bytes] | None = None) -> str:
    """The report as HTML.

    Parameters
    ----------
    study : Study
    drawings : mapping of str to bytes, optional
        What `figure_files` gives, if it is there already; drawing takes longer than all the rest.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    reading = Reading(study)
    parts = [
        {"is_table": not isinstance(part, Sentences), **vars(part)}
        for part in sections(reading, answer(reading), verbose=True)
    ]
    files_of = dict(figure_files(study)) if drawings is None else drawings
    # Only the figures, made here, go in as they are; every text is escaped.
    inlined = [(title, Markup(svg)) for title, svg in _inlined(files_of)]
    timelines = [one for one in inlined if one[0].startswith(("timeline", "reaction"))]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE)
    drawn = [one for one in inlined if one not in timelines]
    return template.render(name=study.scenario.name, parts=parts, drawings=drawn, timelines=timelines) + "\n"


def _inlined(drawings: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Title and SVG element of each figure, its identifiers its own in the whole page."""
    vector = {name.removesuffix(".svg"): content for name, content in drawings.items() if name.endswith(".svg")}
    for position, (name, content) in enumerate(vector.items()):
        svg = content.decode("utf-8")
        yield name.replace("-", " "), _IDENTIFIER.sub(rf"\g<1>f{position}-", svg[svg.index("<svg") :])


def figure_files(study: Study) -> Iterator[tuple[str, bytes]]:
    """Name and content of each figure's PNG and SVG."""
    for name, figure in figures(Reading(study)):
        for suffix, content in files(figure):
            yield f"{name}.{suffix}", content
