"""Every form of a secret is replaced, and nothing else."""

from __future__ import annotations

import io
import json
import logging
import string
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.redact import KEPT_PER_KIND, PLACEHOLDER, Redactor

TOKEN = "aB3-x_Y9zK2+/=&%7"


def logged(redactor: Redactor, level: int, message: object, *args: object, exc_info: bool = False) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(redactor)
    logger = logging.Logger("made-for-one-test")  # noqa: LOG001 - not shared with other tests
    logger.addHandler(handler)
    logger.log(level, message, *args, exc_info=exc_info)
    return stream.getvalue()


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        quote(TOKEN),
        quote(TOKEN, safe=""),
        quote(TOKEN, safe="").lower().replace(TOKEN[:6].lower(), TOKEN[:6]).replace("-x_y9zk2", "-x_Y9zK2"),
        quote_plus(TOKEN),
        quote(quote(TOKEN, safe=""), safe=""),
        json.dumps(TOKEN),
        repr(TOKEN),
    ],
)
def test_every_encoded_form_of_a_secret_is_replaced(form: str) -> None:
    text = Redactor([TOKEN]).clean(f"GET /x?t={form}&more")
    assert PLACEHOLDER in text
    assert "x_Y9zK2" not in text


@given(st.text(st.characters(codec="utf-8"), min_size=4), st.text(max_size=5), st.text(max_size=5))
def test_secret_is_replaced_in_any_context(secret: str, before: str, after: str) -> None:
    cleaned = Redactor([secret]).clean(before + secret + after)
    stripped = secret.strip()
    if len(stripped) >= 4 and stripped not in PLACEHOLDER:
        assert cleaned.replace(PLACEHOLDER, "").count(stripped) <= (before + after).count(stripped)


@given(st.text(string.ascii_letters + " .,:/\n", max_size=200))
def test_text_without_a_secret_is_unchanged(text: str) -> None:
    assert Redactor(["0123456789"]).clean(text) == text


def failed_with(secret: str) -> None:
    raise RuntimeError(f"no connection with {secret}")


def test_message_arguments_and_exception_text_are_redacted() -> None:
    redactor = Redactor([TOKEN])
    try:
        failed_with(TOKEN)
    except RuntimeError:
        text = logged(redactor, logging.ERROR, "asked %s with %r", f"url?{TOKEN}", {"token": TOKEN}, exc_info=True)
    assert "RuntimeError" in text
    assert "asked" in text
    assert text.count(PLACEHOLDER) == 3
    assert TOKEN not in text


def test_record_stays_redacted_for_handlers_without_the_filter() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "with %s", (TOKEN,), None)
    try:
        failed_with(TOKEN)
    except RuntimeError:
        record.exc_info = sys.exc_info()
    Redactor([TOKEN]).filter(record)
    assert TOKEN not in logging.Formatter().format(record)
    assert "RuntimeError" in logging.Formatter().format(record)
    assert record.exc_info is None  # a handler that formats the exception itself shows none either


def test_message_with_wrong_arguments_is_logged_and_redacted() -> None:
    text = logged(Redactor([TOKEN]), logging.INFO, "only %d here", f"no number {TOKEN}")
    assert "only %d here" in text
    assert TOKEN not in text


def test_message_that_is_an_object_is_redacted() -> None:
    assert TOKEN not in logged(Redactor([TOKEN]), logging.INFO, RuntimeError(TOKEN))


def test_secrets_can_be_added_later() -> None:
    redactor = Redactor()
    assert redactor.clean(TOKEN) == TOKEN
    redactor.add("token", f" {TOKEN}\n")
    assert redactor.clean(TOKEN) == PLACEHOLDER


def test_only_the_newest_secrets_of_a_kind_are_kept() -> None:
    """Stash issues a new cookie each second, and a worker may run for weeks."""
    redactor = Redactor([TOKEN])
    cookies = [f"cookie-of-second-{number}-/+=" for number in range(1000)]
    sizes = set()
    for cookie in cookies:
        redactor.add("cookie", cookie)
        sizes.add(len(redactor._forms))
    assert max(sizes) < 100
    assert [cookie for cookie in cookies if redactor.clean(cookie) == PLACEHOLDER] == cookies[-KEPT_PER_KIND:]
    assert redactor.clean(TOKEN) == PLACEHOLDER, "new cookies do not push the token out"


def test_secret_that_is_added_again_counts_as_the_newest() -> None:
    redactor = Redactor()
    for cookie in ["first cookie", *(f"cookie {n}" for n in range(KEPT_PER_KIND - 1)), "first cookie", "cookie x"]:
        redactor.add("cookie", cookie)
    assert redactor.clean("first cookie") == PLACEHOLDER


def test_secret_that_contains_another_is_replaced_completely() -> None:
    assert Redactor(["secret", "secret-and-more"]).clean("secret-and-more secret") == f"{PLACEHOLDER} {PLACEHOLDER}"


@pytest.mark.parametrize("blank", ["", "  ", "a", "abc"])
def test_blank_and_very_short_secrets_are_ignored(blank: str) -> None:
    assert Redactor([blank]).clean("a b c abc") == "a b c abc"


@pytest.mark.parametrize(
    "text",
    [
        "http://plex/x?X-Plex-Token=unknown77&a=1",
        "'X-Plex-Token': 'unknown77'",
        "ApiKey: unknown77",
        "?apikey=unknown77",
    ],
)
def test_unknown_token_is_replaced_if_it_is_labelled(text: str) -> None:
    cleaned = Redactor().clean(text)
    assert "unknown77" not in cleaned
    assert PLACEHOLDER in cleaned


def test_repr_shows_no_secret() -> None:
    assert TOKEN not in repr(Redactor([TOKEN]))
