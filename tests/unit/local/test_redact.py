"""No form of a secret passes, and nothing else is touched."""

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

from local.redact import KEPT_OF_A_KIND, STAND_IN, Redactor

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
    assert STAND_IN in text
    assert "x_Y9zK2" not in text


@given(st.text(st.characters(codec="utf-8"), min_size=4), st.text(max_size=5), st.text(max_size=5))
def test_no_secret_survives_in_any_surroundings(secret: str, before: str, after: str) -> None:
    cleaned = Redactor([secret]).clean(before + secret + after)
    stripped = secret.strip()
    if len(stripped) >= 4 and stripped not in STAND_IN:
        assert cleaned.replace(STAND_IN, "").count(stripped) <= (before + after).count(stripped)


@given(st.text(string.ascii_letters + " .,:/\n", max_size=200))
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    assert Redactor(["0123456789"]).clean(text) == text


def failed_with(secret: str) -> None:
    raise RuntimeError(f"no connection with {secret}")


def test_message_arguments_and_exception_text_are_cleaned() -> None:
    redactor = Redactor([TOKEN])
    try:
        failed_with(TOKEN)
    except RuntimeError:
        text = logged(redactor, logging.ERROR, "asked %s with %r", f"url?{TOKEN}", {"token": TOKEN}, exc_info=True)
    assert "RuntimeError" in text
    assert "asked" in text
    assert text.count(STAND_IN) == 3
    assert TOKEN not in text


def test_a_handler_without_the_filter_shows_no_secret_after_one_with_it() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "with %s", (TOKEN,), None)
    try:
        failed_with(TOKEN)
    except RuntimeError:
        record.exc_info = sys.exc_info()
    Redactor([TOKEN]).filter(record)
    assert TOKEN not in logging.Formatter().format(record)
    assert "RuntimeError" in logging.Formatter().format(record)
    assert record.exc_info is None  # nor does one that formats the exception itself


def test_a_call_whose_arguments_do_not_fit_is_still_logged_and_cleaned() -> None:
    text = logged(Redactor([TOKEN]), logging.INFO, "only %d here", f"no number {TOKEN}")
    assert "only %d here" in text
    assert TOKEN not in text


def test_a_message_that_is_no_text_is_cleaned() -> None:
    assert TOKEN not in logged(Redactor([TOKEN]), logging.INFO, RuntimeError(TOKEN))


def test_secrets_can_be_added_later() -> None:
    redactor = Redactor()
    assert redactor.clean(TOKEN) == TOKEN
    redactor.add("token", f" {TOKEN}\n")
    assert redactor.clean(TOKEN) == STAND_IN


def test_only_the_newest_few_of_a_kind_are_kept() -> None:
    """Stash hands out a new cookie each second; a worker lives for weeks."""
    redactor = Redactor([TOKEN])
    cookies = [f"cookie-of-second-{number}-/+=" for number in range(1000)]
    sizes = set()
    for cookie in cookies:
        redactor.add("cookie", cookie)
        sizes.add(len(redactor._forms))
    assert max(sizes) < 100
    assert [cookie for cookie in cookies if redactor.clean(cookie) == STAND_IN] == cookies[-KEPT_OF_A_KIND:]
    assert redactor.clean(TOKEN) == STAND_IN, "new cookies do not push the token out"


def test_a_secret_that_is_current_again_counts_as_the_newest() -> None:
    redactor = Redactor()
    for cookie in ["first cookie", *(f"cookie {n}" for n in range(KEPT_OF_A_KIND - 1)), "first cookie", "cookie x"]:
        redactor.add("cookie", cookie)
    assert redactor.clean("first cookie") == STAND_IN


def test_a_secret_that_begins_like_another_leaves_no_rest() -> None:
    assert Redactor(["secret", "secret-and-more"]).clean("secret-and-more secret") == f"{STAND_IN} {STAND_IN}"


@pytest.mark.parametrize("blank", ["", "  ", "a", "abc"])
def test_blank_and_very_short_secrets_garble_nothing(blank: str) -> None:
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
def test_labelled_tokens_are_hidden_though_nobody_named_them(text: str) -> None:
    cleaned = Redactor().clean(text)
    assert "unknown77" not in cleaned
    assert STAND_IN in cleaned


def test_its_own_repr_shows_no_secret() -> None:
    assert TOKEN not in repr(Redactor([TOKEN]))
