"""What a hook learns about the mutation that fired it: the `input` structures of Stash v0.30, key by key.

Some are written in full, with null for unset fields; others omit unset fields. Order and omissions are as recorded.
"""

from __future__ import annotations

from typing import Any

SCENE_UPDATE = (
    "clientMutationId", "id", "title", "code", "details", "director", "url", "urls", "date", "rating100", "o_counter",
    "organized", "studio_id", "gallery_ids", "performer_ids", "movies", "groups", "tag_ids", "cover_image",
    "stash_ids", "resume_time", "play_duration", "play_count", "primary_file_id",
)  # fmt: skip
PERFORMER_CREATE = (
    "name", "disambiguation", "url", "urls", "gender", "birthdate", "ethnicity", "country", "eye_color", "height",
    "height_cm", "measurements", "fake_tits", "penis_length", "circumcised", "career_length", "tattoos", "piercings",
    "aliases", "alias_list", "twitter", "instagram", "favorite", "tag_ids", "image", "stash_ids", "rating100",
    "details", "death_date", "hair_color", "weight", "ignore_auto_tag", "custom_fields",
)  # fmt: skip
STUDIO_CREATE = (
    "name", "url", "urls", "parent_id", "image", "stash_ids", "rating100", "favorite", "details", "aliases",
    "tag_ids", "ignore_auto_tag",
)  # fmt: skip
STASH_ID = ("stash_id", "endpoint", "updated_at")
LISTED = {"groups": ("group_id", "scene_index"), "movies": ("movie_id", "scene_index"), "stash_ids": STASH_ID}
CUSTOM_FIELDS = ("full", "partial", "remove")


def whole(keys: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Every key, with null for those not given."""
    return {key: given.get(key) for key in keys}


def given_only(given: dict[str, Any]) -> dict[str, Any]:
    """Only the keys given, without nulls and empty lists. Their order is the schema's, which `given` already has."""
    return {key: value for key, value in given.items() if value is not None and value != []}


def scene_update(given: dict[str, Any]) -> dict[str, Any]:
    """The input of an edit form, and of Identify; the structures in its lists are written in full too."""
    told = whole(SCENE_UPDATE, given)
    for key, keys in LISTED.items():
        if told[key] is not None:
            told[key] = [whole(keys, part) for part in told[key]]
    return told


def entity_create(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """`kind` is Tag, Performer, Studio or Group."""
    keys = {"Performer": PERFORMER_CREATE, "Studio": STUDIO_CREATE}.get(kind)
    return whole(keys, given) if keys else given_only(given)


def entity_update(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """As `entity_create`, with the id first."""
    if kind == "Performer":
        filled = {**given, "custom_fields": whole(CUSTOM_FIELDS, given.get("custom_fields") or {})}
        return whole(("id", *PERFORMER_CREATE), filled)
    return whole(("id", *STUDIO_CREATE), given) if kind == "Studio" else given_only(given)
