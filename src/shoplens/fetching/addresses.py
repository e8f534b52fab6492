"""The internet addresses that photos and feeds may be fetched from: public unicast addresses in any notation."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# The result of the standard library's `is_private` differs between Python releases, so these tables follow the IANA
# special-purpose address registries.
_REFUSED_IPV4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-internal"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud-internal"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_REFUSED_IPV6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")

# IPv6 networks whose addresses contain an IPv4 address, and how many bits follow it.
_EMBEDDING = tuple(
    (IPv6Network(network), shift)
    for network, shift in (
        ("::ffff:0:0/96", 0),  # mapped
        ("::ffff:0:0:0/96", 0),  # translated
        ("64:ff9b::/96", 0),  # NAT64
        ("2002::/16", 80),  # 6to4
    )
)


def refusal_reason(address: str) -> str | None:
    """Return why nothing is fetched from ``address``, e.g. ``"loopback"``; None for a public address.

    An IPv6 address that contains an IPv4 address is judged by that one.

    >>> refusal_reason("::ffff:10.0.0.1"), refusal_reason("8.8.8.8")
    ('private', None)
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return "unreadable"
    if isinstance(ip, IPv6Address):
        ip = IPv6Address(int(ip))  # without a zone, e.g. %eth0
        for network, shift in _EMBEDDING:
            if ip in network:
                return refusal_reason(str(IPv4Address(int(ip) >> shift & 0xFFFFFFFF)))
        kind = next((kind for network, kind in _REFUSED_IPV6 if ip in network), None)
        return kind or (None if ip in _GLOBAL_IPV6 else "reserved")
    return next((kind for network, kind in _REFUSED_IPV4 if ip in network), None)
