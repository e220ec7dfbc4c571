"""Parts of the frame that are the same for many requests, rendered once in each process."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.template import Context
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()

MOST = 200  # texts kept by one tag; the one kept longest makes room for a new one
# What differs between requests stands in the kept text as marks that no page can contain.
TOKEN, HERE = "\x00token\x00", "\x00here\x00"


class RememberNode(template.Node):
    child_nodelists = ("nodelist",)

    def __init__(self, nodelist: NodeList, keys: Sequence[FilterExpression]) -> None:
        self.nodelist = nodelist
        self._keys = keys
        self._texts: dict[tuple[Any, ...], str] = {}

    def render(self, context: Context) -> SafeString:
        key = (get_language(), *(expression.resolve(context) for expression in self._keys))
        text = self._texts.get(key)
        if text is None:
            with context.push(csrf_token=TOKEN, here=HERE):
                text = self.nodelist.render(context)
            if len(self._texts) >= MOST:
                self._texts.pop(next(iter(self._texts)), None)
            self._texts[key] = text
        token, here = str(context.get("csrf_token", "")), context["request"].get_full_path()
        return SafeString(text.replace(TOKEN, token).replace(HERE, escape(here)))


@register.tag
def remember(parser: Parser, token: Token) -> RememberNode:
    """Render the block once for each language and each set of these values.

    Nothing else that differs between requests may stand in it but `{% csrf_token %}` and `{{ here }}`,
    the address of the page.
    """
    _name, *keys = token.split_contents()
    nodelist = parser.parse(("endremember",))
    parser.delete_first_token()
    return RememberNode(nodelist, [parser.compile_filter(key) for key in keys])
