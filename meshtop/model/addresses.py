"""Addresses of the Internet Protocol, as they stand in texts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address


def ip_address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is; None for anything else, such as a host's name, an address with a port, or nothing."""
    try:
        return ip_address(text)
    except ValueError:
        return None
