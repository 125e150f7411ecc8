from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.path_marks import without_marks
from stash.setting_values import PathRule
from stash.settings import SETTING_KEYS, SKIPPABLE, Settings, parse_settings

TOKEN = "xP8-secret-tokenQ2"
NEEDED = {"plex_url": "http://plex:32400", "plex_token": TOKEN}


def parsed(**raw: Any) -> Settings:
    settings, messages = parse_settings({**NEEDED, **raw}, {})
    assert messages == ()
    return settings


def complaint(**raw: Any) -> tuple[Settings, str]:
    settings, messages = parse_settings({**NEEDED, **raw}, {})
    assert len(messages) == 1
    assert "\n" not in messages[0]
    assert TOKEN not in messages[0]
    return settings, messages[0]


def test_all_settings_but_address_and_token_have_defaults() -> None:
    assert parsed() == Settings(plex_url="http://plex:32400", plex_token=TOKEN)


def test_unset_setting_has_its_default() -> None:
    numbers = ("max_tags", "max_retries", "connect_timeout", "read_timeout", "recovery_rate", "recovery_minutes")
    for unset in (0, 0.0, "0", "", None):
        assert parsed(**dict.fromkeys(numbers, unset)) == parsed()
    for unset in ("", "  ", None):
        assert parsed(**dict.fromkeys(SETTING_KEYS - set(numbers) - set(NEEDED), unset)) == parsed()


def test_seconds_are_floats_even_by_default() -> None:
    assert isinstance(parsed(connect_timeout=0).connect_timeout_s, float)
    assert isinstance(parsed(connect_timeout=7).connect_timeout_s, float)


def test_unknown_settings_are_ignored() -> None:
    assert parsed(page_layout='{"columns": 3}') == parsed()


@pytest.mark.parametrize("key", sorted(f.name for f in dataclasses.fields(Settings) if isinstance(f.default, bool)))
def test_each_switch_sets_only_its_own_field(key: str) -> None:
    changes: dict[str, Any] = {key: True}
    assert parsed(**changes) == dataclasses.replace(parsed(), **changes)


@pytest.mark.parametrize("key", SKIPPABLE)
def test_each_skip_switch_adds_its_name_to_skip(key: str) -> None:
    assert parsed(**{f"skip_{key}": True}).skip == {key}


@pytest.mark.parametrize(
    ("value", "on"), [(True, True), ("true", True), ("On", True), (1, True), (False, False), ("no", False), (0, False)]
)
def test_switch_accepts_words_and_digits(value: object, on: bool) -> None:
    assert parsed(paused=value).paused is on


def test_bad_switch_is_reported_and_stays_off() -> None:
    settings, message = complaint(paused="perhaps")
    assert message == "\"Pause\" is 'perhaps'; it must be on or off; the default is used"
    assert not settings.paused


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 ", "7.0"])
def test_number_may_be_given_as_text(value: object) -> None:
    settings = parsed(max_tags=value, read_timeout=value)
    assert (settings.max_tags, settings.read_timeout_s) == (7, 7.0)
    assert isinstance(settings.max_tags, int)


@pytest.mark.parametrize(
    "value", ["2,5", "many", "nan", float("nan"), float("inf"), -1, 1001, 2.5, True, False, [], {}, "1e999", 10**400]
)
def test_bad_number_is_reported_with_its_range_and_replaced_by_the_default(value: object) -> None:
    settings, message = complaint(max_tags=value)
    assert message.startswith('"Most genres per item" is ')
    assert message.endswith("it must be a whole number from 1 to 1000, or 0 for the default; the default is used")
    assert settings.max_tags == 100
    assert len(message) < 250


@pytest.mark.parametrize(("minutes", "accepted"), [(0.9, False), (1, True), (2.5, True), (30, True), (30.1, False)])
def test_recovery_period_may_be_1_to_30_minutes(minutes: float, accepted: bool) -> None:
    settings, messages = parse_settings({**NEEDED, "recovery_minutes": minutes}, {})
    assert settings.recovery_minutes == (minutes if accepted else 5)
    assert bool(messages) is not accepted


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://plex:32400/", "http://plex:32400"),
        ("  https://plex.example.org ", "https://plex.example.org"),
        ("HTTP://PLEX:32400", "HTTP://PLEX:32400"),
        ("http://web:32400", "http://web:32400"),
        ("http://[fd00::1]:32400", "http://[fd00::1]:32400"),
        ("https://nas.example.org/plex/", "https://nas.example.org/plex"),
        ("http://plex:32400/web", "http://plex:32400"),
        ("http://plex:32400/web/index.html#!/media/abc?key=%2Flibrary", "http://plex:32400"),
        ("plex:32400", "http://plex:32400"),
        ("192.168.1.10:32400/", "http://192.168.1.10:32400"),
        ("[fd00::1]:32400", "http://[fd00::1]:32400"),
        ("localhost:32400/web/index.html#!/", "http://localhost:32400"),
        ("https://1-2-3-4.abcdef.plex.direct:32400", "https://1-2-3-4.abcdef.plex.direct:32400"),
    ],
)
def test_address_of_plex_or_of_its_web_app_is_accepted(url: str, kept: str) -> None:
    assert parsed(plex_url=url).plex_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "plex",
        "ftp://plex",
        "http://",
        "http://:32400",
        "http://plex:port",
        "http://plex:99999",
        "http://[fd00::1",
        "http://pl ex:32400",
        "http://plex:32400\\",
        "http://plex\n:32400",
        "http:/plex",
        True,
        ["http://plex"],
    ],
)
def test_bad_address_is_reported_and_left_empty(url: object) -> None:
    settings, message = complaint(plex_url=url)
    assert message.startswith('"Plex address" is ')
    assert message.endswith("changes wait until it is corrected")
    assert settings.plex_url == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://me:p4ssw0rd@plex:32400",
        "http://me:p4ss/p4ssw0rd@plex:32400",
        "http://plex:32400/?X-Plex-Token=p4ssw0rd",
        "http://plex:32400/#p4ssw0rd",
        "plex:32400?X-Plex-Token=p4ssw0rd",
        f"http://plex/ {TOKEN}",
    ],
)
def test_secret_inside_an_address_is_not_shown(url: str) -> None:
    _, message = complaint(plex_url=url)
    assert "p4ssw0rd" not in message
    assert "plex" in message.lower()


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://plex:32400/?X-Plex-Token=abc-DEF_1", "http://plex:32400"),
        ("plex:32400?x-plex-token=abc-DEF_1&a=b", "http://plex:32400"),
        ("http://plex:32400/library/metadata/7?checkFiles=1&X-Plex-Token=abc-DEF_1", "http://plex:32400"),
        ("https://nas/plex/library/sections?X-Plex-Token=abc-DEF_1", "https://nas/plex"),
        ("http://plex:32400/web/index.html#!/x?key=%2F&X-Plex-Token=abc-DEF_1", "http://plex:32400"),
    ],
)
def test_a_token_in_the_address_is_taken_out_and_a_message_says_so(url: str, kept: str) -> None:
    settings, message = complaint(plex_url=url)
    assert (settings.plex_url, settings.plex_token) == (kept, TOKEN)
    assert message == '"Plex address" holds a token, which was taken out of the address; "Plex token" is used instead'
    settings, messages = parse_settings({"plex_url": url}, {})
    assert (settings.plex_url, settings.plex_token) == (kept, "abc-DEF_1")
    (message,) = messages
    assert message.startswith('"Plex address" holds a token, which was taken out of the address; it is used')


@pytest.mark.parametrize(
    "url", ["https://app.plex.tv/desktop", "https://app.plex.tv/desktop/#!/", "plex.tv:443", "https://www.plex.tv"]
)
def test_the_web_app_of_plex_is_no_server(url: str) -> None:
    settings, message = complaint(plex_url=url)
    assert settings.plex_url == ""
    if "#" not in url:
        assert "that is not a Plex server; it must be the address of your own Plex server" in message


@pytest.mark.parametrize(
    ("url", "stash_url", "is_same"),
    [
        ("http://localhost:9999", "http://127.0.0.1:9999", True),
        ("http://LOCALHOST:9999/", "http://[::1]:9999", True),
        ("nas:9999", "http://nas:9999", True),
        ("https://nas", "https://nas:443", True),
        ("http://localhost:32400", "http://127.0.0.1:9999", False),
        ("https://nas/plex", "https://nas:443", False),
        ("http://localhost:9999", "", False),
    ],
)
def test_the_address_of_stash_itself_is_refused(url: str, stash_url: str, is_same: bool) -> None:
    settings, messages = parse_settings({**NEEDED, "plex_url": url}, {}, stash_url=stash_url)
    assert (settings.plex_url == "") is is_same
    assert ("that is not a Plex server but Stash itself" in str(messages)) is is_same


@pytest.mark.parametrize("key", ["connect_timeout", "read_timeout", "recovery_rate", "max_tags", "max_retries"])
def test_a_message_names_only_numbers_that_the_page_of_stash_can_take(key: str) -> None:
    settings, message = complaint(**{key: -3})
    assert "it must be a whole number from 1 to " in message
    assert settings == parsed()


@pytest.mark.parametrize("token", ["two words of it", "line\nend", "t\u00f6ken", True, ["abcdef"], {"a": 1}])
def test_bad_token_is_reported_but_never_shown(token: object) -> None:
    settings, messages = parse_settings({**NEEDED, "plex_token": token}, {})
    assert settings.plex_token == ""
    assert messages[0].startswith('"Plex token" is [hidden]; it must be an X-Plex-Token')
    assert str(token) not in messages[0]


def test_token_pasted_into_another_setting_is_not_shown() -> None:
    for key in ("tls", "reconcile_scope", "max_tags", "paused", "plex_url", "path_map", "stash_url_for_plex"):
        complaint(**{key: TOKEN})
    _, messages = parse_settings({**NEEDED, "plex_token": "", "tls": TOKEN}, {"PLEX_TOKEN": TOKEN})
    assert TOKEN not in str(messages)


def test_repr_does_not_show_the_token() -> None:
    assert TOKEN not in repr(parsed())


def test_missing_address_and_token_are_reported() -> None:
    settings, messages = parse_settings({}, {})
    assert settings == Settings()
    assert [message.split(":")[0] for message in messages] == ['"Plex address" is not set', '"Plex token" is not set']


def test_environment_replaces_only_unset_settings() -> None:
    environ = {"PLEX_URL": "http://from-environment:1", "PLEX_TOKEN": "other-token"}
    settings, messages = parse_settings({"plex_url": " ", "plex_token": None}, environ)
    assert (settings.plex_url, settings.plex_token, messages) == ("http://from-environment:1", "other-token", ())
    settings, _ = parse_settings(NEEDED, environ)
    assert (settings.plex_url, settings.plex_token) == ("http://plex:32400", TOKEN)


def test_bad_value_from_the_environment_is_reported_with_its_variable() -> None:
    _, messages = parse_settings({"plex_token": TOKEN}, {"PLEX_URL": "nowhere"})
    assert messages[0].startswith("PLEX_URL in the environment is 'nowhere'; it must be an address like ")


def test_path_rules_keep_their_order_and_windows_paths_their_backslashes() -> None:
    given_map = r"/data/a => /media/a; C:\Videos => /mnt/v ;\\nas\share=>Z:\share;  ; /data => /media"
    assert parsed(path_map=given_map).path_map == (
        PathRule(stash="/data/a", plex="/media/a"),
        PathRule(stash=r"C:\Videos", plex="/mnt/v"),
        PathRule(stash=r"\\nas\share", plex="Z:\\share"),
        PathRule(stash="/data", plex="/media"),
    )


@pytest.mark.parametrize("bad", ["/a -> /b", "/a", "=> /b", "/a =>", "/a => /b => /c"])
def test_only_the_bad_path_rule_is_reported_and_left_out(bad: str) -> None:
    settings, message = complaint(path_map=f"/x => /y; {bad}")
    assert settings.path_map == (PathRule(stash="/x", plex="/y"),)
    assert without_marks(message).startswith(f"\"Path map\" is '{bad}'; it must be a rule like /data => /media")


def test_lists_are_split_at_commas_without_duplicates() -> None:
    settings = parsed(plex_library=" Movies,Clips ,, Movies", exclude_tags="meta*, to do")
    assert settings.plex_library == ("Movies", "Clips")
    assert settings.exclude_tags == ("meta*", "to do")
    assert parsed(plex_library=4).plex_library == ("4",)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"Films, old"', ("Films, old",)),
        (' "Films, old" , Clips,"a, b*" ', ("Films, old", "Clips", "a, b*")),
        ('" Movies", Movies, "Movies"', (" Movies", "Movies")),
        ('"say ""hello"", twice"', ('say "hello", twice',)),
        ('12" singles, 7"', ('12" singles', '7"')),
        ('"Best of" films, "open, end', ('"Best of" films', '"open', "end")),
        ('"", " ", x', ("x",)),
    ],
    ids=["comma", "between others", "outer blanks", "quotes inside", "inches", "not the whole name", "empty"],
)
def test_a_name_in_double_quotes_may_hold_commas_and_blanks(text: str, names: tuple[str, ...]) -> None:
    assert parsed(plex_library=text).plex_library == names
    assert parsed(exclude_tags=text).exclude_tags == names


@pytest.mark.parametrize(
    ("value", "kept"),
    [("Verify", "verify"), ("INSECURE", "insecure"), ("/etc/ca.pem", "/etc/ca.pem"), (r"C:\ca.pem", r"C:\ca.pem")],
)
def test_tls_is_a_keyword_or_an_absolute_path(value: str, kept: str) -> None:
    assert parsed(tls=value).tls == kept


@pytest.mark.parametrize("value", ["no", "ca.pem", "false", True])
def test_any_other_tls_value_means_verify(value: object) -> None:
    assert complaint(tls=value)[0].tls == "verify"


@pytest.mark.parametrize(
    ("value", "kept"),
    [("ALL", "all"), ("24h", "24h"), (" 7days", "7days"), ("30d", "30d"), ("007d", "7d"), ("3650d", "3650d")],
)
def test_valid_scope_is_normalized(value: str, kept: str) -> None:
    assert parsed(reconcile_scope=value).reconcile_scope == kept


@pytest.mark.parametrize("value", ["0d", "3651d", "-1d", "1.5d", "d", "48h", "week", 7])
def test_bad_scope_means_24_hours(value: object) -> None:
    assert complaint(reconcile_scope=value)[0].reconcile_scope == "24h"


def test_interval_is_one_of_the_choices() -> None:
    assert parsed(reconcile_interval="Daily").reconcile_interval == "daily"
    settings, message = complaint(reconcile_interval="yearly")
    assert settings.reconcile_interval == "never"
    assert "it must be one of never, hourly, daily, weekly" in message


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(SETTING_KEYS)), ANYTHING, max_size=5))
def test_any_stored_values_give_settings_and_short_one_line_messages(raw: dict[str, object]) -> None:
    settings, messages = parse_settings(raw, {})
    assert isinstance(settings, Settings)
    assert all(len(message.splitlines()) == 1 and len(message) < 1000 for message in messages)
