"""What is sent for a file that the server takes, and what is not worth sending."""

from __future__ import annotations

import io
import zipfile

import pytest

from kbsync.convert import judging
from kbsync.convert.apart import Apart
from kbsync.errors import FileError, NothingToIndex


def prepared(extension: str, body: bytes) -> bytes:
    sent, sent_as = judging.prepared(extension, body, Apart())
    assert sent_as is None
    return sent


TEXTS = {
    "gb18030": "差旅报销办法:员工出差应提前申请,住宿标准按城市分级。",
    "big5": "差旅費報銷辦法：員工出差應提前申請，住宿標準按城市分級。",
    "cp932": "出張旅費規程：社員は事前に申請すること。",
    "cp949": "출장비 규정: 직원은 미리 신청해야 합니다.",
    "latin-1": "Réservé aux employés: la réunion a été déplacée à l'étage supérieur.",
    "cp1252": "Der Gutschein für das Gäste-WLAN gilt sechsunddreißig Stunden – „Gäste“ zahlen 0 €.",
    "cp1250": "Regulamin podróży służbowych: pracownik składa wniosek wcześniej, przed podróżą.",
    "cp1251": "Командировочные расходы оплачиваются по заявлению.",
    "utf-16": "Guest Wi-Fi, Gäste-WLAN, 访客无线网络",
    "utf-16-le": "Vouchers for the guest Wi-Fi are valid for 36 hours.",
    "utf-16-be": "Vouchers for the guest Wi-Fi are valid for 36 hours.",
    "utf-32": "Guest Wi-Fi, Gäste-WLAN, 访客无线网络",
    "utf-8-sig": "Gäste-WLAN",
    "utf-8": "Gäste-WLAN",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("extension", ["txt", "csv"])
def test_encodings(encoding: str, extension: str) -> None:
    """A text in any usual encoding is sent as UTF-8 without a byte order mark."""
    assert prepared(extension, TEXTS[encoding].encode(encoding)).decode() == TEXTS[encoding]


def test_nothing_is_changed_without_need() -> None:
    """What is UTF-8 is sent byte for byte, and a page says its encoding itself."""
    text = "Gäste\r\n\tWLAN \n".encode()
    page = '<meta charset="gbk"><p>差旅'.encode("gbk")

    assert prepared("md", text) is text
    assert prepared("html", page) is page
    assert prepared("xls", b"whatever") == b"whatever"


@pytest.mark.parametrize(
    ("extension", "body"),
    [
        ("md", b" \n\t\r\n"),
        ("txt", b"\xef\xbb\xbf \n"),
        ("csv", "\u3000\n ".encode("utf-16")),
        ("html", b"\n\n"),
    ],
)
def test_blank(extension: str, body: bytes) -> None:
    """White space is nothing to index, in whatever encoding."""
    with pytest.raises(NothingToIndex, match="white space"):
        prepared(extension, body)


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in members.items():
            # Of no time: the tests' names hold these bytes, and are made by several processes.
            writer.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def bomb() -> bytes:
    """An archive of 2 kB whose directory says that it unpacks to four gigabytes."""
    body = bytearray(archive(document=b"0" * 1000))
    entry = body.index(b"PK\x01\x02")
    body[entry + 24 : entry + 28] = (2**32 - 2).to_bytes(4, "little")
    return bytes(body)


@pytest.mark.parametrize(
    ("extension", "body", "reason"),
    [
        ("txt", bytes(range(256)) * 20, "no text in any encoding"),
        ("md", b"\xff\xfea", "no text in any encoding"),
        ("md", b"\x00\x01\x02 binary junk \xff\xfe" * 20, "no text in any encoding"),
        ("md", b"a\0\0\0b\0\0\0", "no text in any encoding"),
        ("pdf", b"<html>not found</html>", "no PDF"),
        ("docx", b"<html>not found</html>", "damaged: File is not a zip file"),
        ("docx", archive(a=b"a" * 999)[:-30], "damaged: File is not a zip file"),
        ("xlsx", bomb(), "unpack to 4,294,967,294 bytes"),
        ("docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "the old Office format"),
        (
            "xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "needs a password",
        ),
    ],
)
def test_what_nobody_can_read(extension: str, body: bytes, reason: str) -> None:
    """Damaged and locked files are told apart before anything is sent."""
    with pytest.raises(FileError, match=reason) as error:
        prepared(extension, body)

    assert not isinstance(error.value, NothingToIndex)
