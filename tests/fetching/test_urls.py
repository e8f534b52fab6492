"""URLs are normalized as browsers normalize them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shoplens.errors import PhotoError
from shoplens.fetching.urls import normalize_photo_url

NORMAL = {
    # what browsers encode, and what they leave
    "http://shop.example/gate valve.jpg": "http://shop.example/gate%20valve.jpg",
    "http://shop.example/a%20b.jpg?x=1&y=a b": "http://shop.example/a%20b.jpg?x=1&y=a%20b",
    "http://shop.example/ünï/日.jpg?ü=€": "http://shop.example/%C3%BCn%C3%AF/%E6%97%A5.jpg?%C3%BC=%E2%82%AC",
    "http://shop.example/\x01\x7f\u00a0.jpg": "http://shop.example/%01%7F%C2%A0.jpg",
    "http://shop.example/!$&'()*+,-.:;=@[]_|~": "http://shop.example/!$&'()*+,-.:;=@[]_|~",
    'http://shop.example/"<>^`{}': "http://shop.example/%22%3C%3E%5E%60%7B%7D",
    "http://shop.example/?!$&()*+,-./:;=?@[\\]^_`{|}~": "http://shop.example/?!$&()*+,-./:;=?@[\\]^_`{|}~",
    "http://shop.example/?\"<>'": "http://shop.example/?%22%3C%3E%27",
    "http://shop.example/50%.jpg?100%": "http://shop.example/50%.jpg?100%",
    "http://shop.example/%c3%BC%zz": "http://shop.example/%c3%BC%zz",
    "http://shop.example/a\ud800b": "http://shop.example/a%3Fb",
    # what browsers leave out
    " \x00\thttp://shop.example/a.jpg \n": "http://shop.example/a.jpg",
    "ht\ntp://shop\t.example/a\r\nb.jpg": "http://shop.example/ab.jpg",
    "http://shop.example/img.php?file=a.jpg#frag?ment": "http://shop.example/img.php?file=a.jpg",
    # paths
    "http://shop.example": "http://shop.example/",
    "http://shop.example?a": "http://shop.example/?a",
    "http://shop.example/?": "http://shop.example/?",
    "http:\\\\shop.example\\a\\b.jpg": "http://shop.example/a/b.jpg",
    "http://shop\\.example/a.jpg": "http://shop/.example/a.jpg",
    "http://shop.example/a/../../b/./c/..": "http://shop.example/b/",
    "http://shop.example/a/.%2E/%2e/b": "http://shop.example/b",
    "http://shop.example/.well-known/..a/b.": "http://shop.example/.well-known/..a/b.",
    "http://shop.example//a//b": "http://shop.example//a//b",
    "http://shop.example/?a/../b": "http://shop.example/?a/../b",
    # hosts and schemes
    "//shop.example/a.jpg": "https://shop.example/a.jpg",
    "HTTP://Shop.EXAMPLE/Upper.JPG": "http://shop.example/Upper.JPG",
    "HttpS://shop.example/": "https://shop.example/",
    "http://Bücher.example/": "http://xn--bcher-kva.example/",
    "http://straße.example/": "http://xn--strae-oqa.example/",
    "http://日本。example/": "http://xn--wgv71a.example/",
    "http://ｓｈｏｐ．example/": "http://shop.example/",
    "http://sh%6fp.example/": "http://shop.example/",
    "http://shop.example./": "http://shop.example./",
    "http://[0:0:0:0:0:0:0:1]/": "http://[::1]/",
    "http://shop.example:80/": "http://shop.example/",
    "https://shop.example:0443/": "https://shop.example/",
    "https://shop.example:80/": "https://shop.example:80/",
    "http://shop.example:/": "http://shop.example/",
    "http://[::1]:8787/a": "http://[::1]:8787/a",
}

REFUSED = {
    "a.jpg": "'a.jpg' is not a URL",
    "": "'' is not a URL",
    "http:shop.example/a.jpg": "is not a URL",
    "https:/shop.example/a.jpg": "is not a URL",
    "data:image/png;base64,AA": "is not a URL",
    "ftp://shop.example/a.jpg": "The scheme 'ftp' is not fetched",
    "http://": "'http://' names no host",
    "///a.jpg": "'///a.jpg' names no host",
    "http://?a": "names no host",
    "http://me:secret@shop.example/": "The URL of 'shop.example' contains a name or password",
    "//me@shop.example/": "contains a name or password",
    "http://shop example/": "'shop example' is not a host name",
    "http://shop..example/": "'shop..example' is not a host name",
    "http://" + "x" * 64 + ".example/": "is not a host name",
    "http://%2e%2F/": "is not a host name",
    "http://a／b.example/": "is not a host name",
    "http://[::1/": "is not a host name",
    "http://[fe80::1%25eth0]/": "is not a host name",
    "http://[v1.a]/": "is not a host name",
    "http://shop.example:abc/": "'shop.example:abc' is not a host name",
    "http://shop.example:99999/": "The port 99999 of shop.example does not exist",
    "http://shop.example:" + "9" * 5000 + "/": "is not a host name",
}

ADDRESSES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["http://", "HTTPS:\\\\", "//", " http://"]),
        st.one_of(
            st.sampled_from(["shop.example", "Bücher.example", "[::1]:80", "127.0.0.1:8787", "SHOP:443"]),
            st.text("aß.:@%ÄK\u212a-", max_size=8),
        ),
        st.one_of(st.text(), st.text("/\\.%2eE?#ä ~'^|{\ud800", max_size=30)),
    ),
)


@pytest.mark.parametrize(("reference", "url"), NORMAL.items(), ids=ascii)
def test_an_address_is_written_as_browsers_do(reference: str, url: str) -> None:
    assert normalize_photo_url(reference) == url


@pytest.mark.parametrize(("reference", "problem"), REFUSED.items(), ids=lambda text: ascii(text[:40]))
def test_a_reference_that_is_no_address_is_an_error(reference: str, problem: str) -> None:
    with pytest.raises(PhotoError) as caught:
        normalize_photo_url(reference)
    assert caught.value.code == "fetch-scheme"
    assert problem in caught.value.problem and "secret" not in str(caught.value)
    assert len(caught.value.problem) < 300


@given(ADDRESSES)
@hypothesis_settings(max_examples=500, deadline=None, derandomize=True)
def test_a_normal_address_stays_as_it_is_and_can_be_sent(reference: str) -> None:
    try:
        url = normalize_photo_url(reference)
    except PhotoError as error:
        assert error.code == "fetch-scheme"
        return
    assert normalize_photo_url(url) == url
    assert url.isascii() and url.isprintable() and " " not in url and "#" not in url
    assert url.startswith(("http://", "https://")) and url.count("/") >= 3


@given(st.text("ab/.%20?=&", max_size=30))
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_the_fast_path_for_plain_addresses_equals_the_full_normalization(rest: str) -> None:
    assert normalize_photo_url(f"http://shop.example/{rest}") == normalize_photo_url(f" http://shop.example/{rest}")
