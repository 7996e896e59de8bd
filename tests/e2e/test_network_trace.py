"""The reading of a trace: what counts as outside this machine."""

from __future__ import annotations

from tests.e2e.network_trace import calls, outside

TRACE = """\
4612  connect(8, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file)
4651  bind(9, {sa_family=AF_INET, sin_port=htons(18771), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
4651  bind(9, {sa_family=AF_INET6, sin6_port=htons(1), inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0
4651  sendto(8, "\\0", 1, 0, NULL, 0)    = 1
"""
OUTWARD = """\
4662  connect(15, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16) = 0
4662  sendto(5, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("198.51.100.7")}, 16) = 1
4662  connect(7, {sa_family=AF_INET6, inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)}, 28) = -1 ENETUNREACH
"""


def test_what_stays_on_the_machine_is_counted_and_is_not_outside():
    found = calls(TRACE)
    assert found["bind", "AF_INET", "127.0.0.1"] == found["bind", "AF_INET6", "::1"] == 1
    assert found["connect", "AF_UNIX", '"/var/run/nscd/socket"'] == 1
    assert sum(found.values()) == 3
    assert outside(found) == []


def test_every_address_elsewhere_is_outside_even_if_it_was_not_reached():
    assert outside(calls(TRACE + OUTWARD)) == ["192.0.2.53", "198.51.100.7", "2001:db8::1"]
