"""Pages from the Jinja2 templates of the folder ``templates``.

Python prepares the values of a page; the templates hold all of its markup and escape every text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import TYPE_CHECKING

from shoplens.evaluation.report.formatting import (
    byte_size,
    duration,
    metric_meaning,
    metric_name,
    number,
    percent,
    percent_interval,
    points,
    points_interval,
    probability,
    quantity,
    x_position,
    y_position,
)
from shoplens.evaluation.report.thumbnails import encode_thumbnail

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_INVALID_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that HTML cannot contain: most control characters, lone surrogates and noncharacters."""
_FILTERS: tuple[Callable[..., str], ...] = (
    byte_size,
    duration,
    metric_meaning,
    metric_name,
    number,
    percent,
    percent_interval,
    points,
    points_interval,
    probability,
    quantity,
    x_position,
    y_position,
)
"""Filters of the templates, called by the names of these functions."""


def render_page(template: str, **values: object) -> str:
    """Fill a template and return its HTML as a plain string.

    Args:
        template: path inside ``templates``, such as ``evaluation.html``.
        values: the template's variables. Texts are escaped, :class:`~markupsafe.Markup` is inserted as it is; a
            variable that the template needs and that is missing raises :class:`jinja2.UndefinedError`. Characters that
            HTML cannot contain become ``\N{REPLACEMENT CHARACTER}``.
    """
    return _INVALID_CHARACTERS.sub("\ufffd", environment().get_template(template).render(values))


def render_fragment(template: str, **values: object) -> Markup:
    """Fill a template as :func:`render_page` does; return a part of a page, which another template inserts as it is."""
    from markupsafe import Markup

    return Markup(render_page(template, **values))


@cache
def environment() -> Environment:
    """Return the environment of all templates. Jinja2 is imported here because only pages need it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("shoplens.evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    templates.filters.update({function.__name__: function for function in _FILTERS})
    templates.filters["file_name"] = lambda path: PurePath(path).name
    templates.tests["blank"] = lambda text: not text.strip()
    templates.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    templates.globals.update(encode_thumbnail=encode_thumbnail, read_asset=_read_asset)
    return templates


def _read_asset(name: str) -> Markup:
    """Return a style sheet or a script of this folder, as it is."""
    from markupsafe import Markup

    return Markup(resources.files("shoplens.evaluation.report").joinpath(name).read_text("utf-8"))
