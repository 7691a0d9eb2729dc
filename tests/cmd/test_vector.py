#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One certificate that hits the traps (high-bit serial, comma, plus and quote in a DN, non-ASCII CN, one-digit day), byte for byte."""
import json
import textwrap

from cmdlib import equal, folder, main, mtlsguard, write

LEAF = (
    "MIICPjCCAeSgAwIBAgIJAJNurL4H8gHfMAoGCCqGSM49BAMCME8xCzAJBgNVBAYTAkdCMRUwEwYDVQQKDAxFeGFtcGxlLCBMdGQxEDAOBgNVBAsMB0Rldmlj"
    "ZXMxFzAVBgNVBAMMDlRlc3QgbVRMUyBDQSAxMB4XDTI2MDMwNTA3MDgwOVoXDTI3MDMwNTA3MDgwOVowVDELMAkGA1UEBhMCR0IxFTATBgNVBAoMDEV4YW1w"
    "bGUsIEx0ZDEWMBQGA1UECwwNTGFiK0Zsb29yICIyIjEWMBQGA1UEAwwNc2Vuc29yLcOpLTAwMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABE6f64GOvFLk"
    "p5xiTWA7d5KtiRt/W8fyH7Ie1gce792L+I0uAwumFrBkwaiVPBFdbG0w10MYS+m9p2wQIR9o8r2jgaMwgaAwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMC"
    "B4AwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYEFPfrHi5ckMsR0rSVVOXjAtIPllcnMB8GA1UdIwQYMBaAFK3v4iBmTwxloORQe8rSusqDpvoqMCsG"
    "A1UdEQQkMCKGIHNwaWZmZTovL2V4YW1wbGUudGVzdC9zZW5zb3IvMDAxMAoGCCqGSM49BAMCA0gAMEUCIDxVEJF2d6dqvDEEk9hWyp3MzM+YSItkdh2WFVyU"
    "UCGOAiEApMVgkPB8w4F9OwPjdLo4QI/loHuKjz6D5TtApmS0fac=")
CA = (
    "MIIB2zCCAYCgAwIBAgIJASNFZ4mrze8BMAoGCCqGSM49BAMCME8xCzAJBgNVBAYTAkdCMRUwEwYDVQQKDAxFeGFtcGxlLCBMdGQxEDAOBgNVBAsMB0Rldmlj"
    "ZXMxFzAVBgNVBAMMDlRlc3QgbVRMUyBDQSAxMB4XDTI2MDEwMTAwMDAwMFoXDTM2MDEwMTAwMDAwMFowTzELMAkGA1UEBhMCR0IxFTATBgNVBAoMDEV4YW1w"
    "bGUsIEx0ZDEQMA4GA1UECwwHRGV2aWNlczEXMBUGA1UEAwwOVGVzdCBtVExTIENBIDEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQWr6SvEsNHYgXRBgu2"
    "10ZxPCqZsIoIci7Pmk2eKH2D/6SzTBC3YD3SZO1oLRhcK+oTkV6rI53p63EaEDxuRysAo0UwQzASBgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIB"
    "BjAdBgNVHQ4EFgQUre/iIGZPDGWg5FB7ytK6yoOm+iowCgYIKoZIzj0EAwIDSQAwRgIhAKbFFnptX0d5EiViW5wfFuWn5km08/jsJOKohkcHMi5zAiEAwQwT"
    "nS9oZPSGwtHtYF1EQFaS0vmDZcGbD6Swh12O4yg=")
INSIDE = "2026-06-01T00:00:00Z"
EXPECTED = {
    "certPresented": "1",
    "certVerified": "SUCCESS",
    "certRevoked": "0",
    "certSubjectDN": r'CN=sensor-\C3\A9-001,OU=Lab\+Floor \"2\",O=Example\, Ltd,C=GB',
    "certSubjectDNRFC2253": r'CN=sensor-\C3\A9-001,OU=Lab\+Floor \"2\",O=Example\, Ltd,C=GB',
    "certIssuerDN": r"CN=Test mTLS CA 1,OU=Devices,O=Example\, Ltd,C=GB",
    "certIssuerDNRFC2253": r"CN=Test mTLS CA 1,OU=Devices,O=Example\, Ltd,C=GB",
    "certSubjectDNLegacy": r'/C=GB/O=Example, Ltd/OU=Lab\+Floor "2"/CN=sensor-\xC3\xA9-001',
    "certIssuerDNLegacy": "/C=GB/O=Example, Ltd/OU=Devices/CN=Test mTLS CA 1",
    "certSerial": "936EACBE07F201DF",
    "certIssuerSerial": "0123456789ABCDEF01",
    "certSKI": "F7EB1E2E5C90CB11D2B49554E5E302D20F965727",
    "certIssuerSKI": "ADEFE220664F0C65A0E4507BCAD2BACA83A6FA2A",
    "certFingerprintSHA1": "c8c9957a6ff48c871b5e70f11b50d28a3899e28c",
    "certFingerprintSHA256": "04b354cfc8784262786aa110c944867af626cad95843029c69ac1f052eb1b77e",
    "certNotBefore": "Mar  5 07:08:09 2026 GMT",
    "certNotAfter": "Mar  5 07:08:09 2027 GMT",
    "certRFC9440": f":{LEAF}:",
    "certRFC9440TooLarge": False,
    "certChainRFC9440": "",
    "certChainRFC9440TooLarge": False,
}


def pem(base64):
    return "-----BEGIN CERTIFICATE-----\n" + "\n".join(textwrap.wrap(base64, 64)) + "\n-----END CERTIFICATE-----\n"


HERE = folder("vector")
CERT = write(HERE / "leaf.pem", pem(LEAF))


def decide(at=INSIDE, deny="", name="mtlsguard.lua"):
    write(HERE / "ca.pem", pem(CA))
    path = write(HERE / name, """return {
  authorities = { ca = { certificates = "ca.pem", revocation = { deny = { %s } } } },
  hosts = { ["h.example"] = { authorities = { "ca" } } },
  headers = { managed_transform = true, client_cert = true, forward_certificate = true },
}""" % deny)
    _, out, err = mtlsguard("eval", "-c", path, "--url", "https://h.example/", "--cert", CERT, "--at", at, "--json")
    assert out, err
    return json.loads(out)


def test_properties():
    """all 21 properties, in their order"""
    found = decide()["cf"]["tlsClientAuth"]
    for name, value in EXPECTED.items():
        equal((name, found[name]), (name, value))
    equal(len(found), 21)


def test_beside():
    """SANs, EKU, epoch dates and key beside them"""
    tls = decide()["tls"]
    equal(tls["san"]["uri"], ["spiffe://example.test/sensor/001"])
    equal((tls["spiffe_id"], tls["eku"]), ("spiffe://example.test/sensor/001", ["clientAuth"]))
    equal((tls["key_type"], tls["key_bits"]), ("EC", 256))
    equal((tls["not_before"], tls["not_after"]), (1772694489, 1804230489))


def test_headers():
    """the headers for the origin"""
    pairs = dict(map(tuple, decide()["request_headers"]["set"]))
    for name, value in (("cf-cert-presented", "true"), ("cf-cert-verified", "true"), ("cf-cert-revoked", "false"),
                        ("cf-cert-serial", "936EACBE07F201DF"), ("cf-cert-not-before", "Mar  5 07:08:09 2026 GMT"),
                        ("cf-client-cert-der-base64", LEAF), ("cf-client-cert-sha256", EXPECTED["certFingerprintSHA256"]),
                        ("client-cert", f":{LEAF}:")):
        equal((name, pairs.get(name)), (name, value))


def test_dates():
    """before and after its dates"""
    equal(decide(at="2025-12-31T00:00:00Z")["cf"]["tlsClientAuth"]["certVerified"], "FAILED:certificate is not yet valid")
    equal(decide(at="2027-03-06T00:00:00Z")["cf"]["tlsClientAuth"]["certVerified"], "FAILED:certificate has expired")


def test_deny_spellings():
    """a deny list finds it by serial in each spelling, SHA-256, SKI and public key"""
    spki = decide()["tls"]["spki_sha256"]
    for entry in ("936EACBE07F201DF", "00936eacbe07f201df", "93:6E:AC:BE:07:F2:01:DF", "dec:10623618503190643167",
                  "sha256:" + EXPECTED["certFingerprintSHA256"], "ski:" + EXPECTED["certSKI"], "spki:" + spki):
        equal((entry, decide(deny=f'"{entry}"')["reason"]), (entry, "certificate_revoked"))
    equal(decide(deny='"936EACBE07F201DE"')["reason"], "allowed")


main(globals())
