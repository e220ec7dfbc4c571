"""What a form takes for a website, and what not."""

import pytest
from django import forms

from crm.forms.websites import WebsiteField


@pytest.mark.parametrize(
    "address",
    [
        "example.com", "www.example.co.uk/shop?a=1", "https://example.com", "http://example.com:8080/a",
        "EXAMPLE.COM", "bücher.example", "例子.中国", "192.0.2.7", "",
    ],
)  # fmt: skip
def test_a_website_is_kept_as_it_was_written(address):
    assert WebsiteField(required=False).clean(f" {address} ") == address


@pytest.mark.parametrize(
    "address",
    [
        "notaurl", "ftp://example.com", "javascript:alert(1)", "example .com", "https://", "me@example.com",
        "https://me:secret@example.com", "mailto:me@example.com", "//example.com", "example.com:port",
    ],
)  # fmt: skip
def test_what_is_no_website_is_refused_with_an_example(address):
    with pytest.raises(forms.ValidationError, match=r"like example\.com"):
        WebsiteField(required=False).clean(address)


def test_a_length_is_kept_to_as_well():
    with pytest.raises(forms.ValidationError):
        WebsiteField(max_length=20).clean("example.com/" + "a" * 20)
