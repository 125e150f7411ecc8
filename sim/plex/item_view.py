"""Items as tests write them and see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.plex.edits import Edit
from sim.plex.model import VALUE_FIELDS, VALUE_TAGS, Credit, ItemView

if TYPE_CHECKING:
    from sim.plex.model import Item, Values
    from sim.plex.tags import TagTable


def as_edit(values: Values) -> Edit:
    """The edit that adds these values; it locks and removes nothing."""
    return Edit(
        values={field: text for name, field in VALUE_FIELDS.items() if (text := getattr(values, name))},
        added={
            kind: tuple(entry if isinstance(entry, Credit) else Credit(name=entry) for entry in entries)
            for name, kind in VALUE_TAGS.items()
            if (entries := getattr(values, name))
        },
    )


def view_of(item: Item, tags: TagTable) -> ItemView:
    """The item as a test sees it."""
    facts = item.facts
    texts: dict[str, Any] = {name: facts.fields.get(field, "") for name, field in VALUE_FIELDS.items()}
    lists: dict[str, Any] = {
        name: tuple(tag.name for tag in tags.all_of(facts.tags.get(kind, ())))
        for name, kind in VALUE_TAGS.items()
        if kind != "actor"
    }
    return ItemView(
        rating_key=item.rating_key,
        section_key=item.section_key,
        guid=item.guid,
        user_rating=item.user_rating,
        roles=tuple(
            Credit(
                name=tag.name,
                thumb=tag.thumb,
                role=facts.roles.get(tag.id, ""),
                tag_key=facts.tag_keys.get(tag.id, ""),
            )
            for tag in tags.all_of(facts.tags.get("actor", ()))
        ),
        locked=item.locked,
        media=item.media,
        posters=item.pictures.get("posters", ()),
        arts=item.pictures.get("arts", ()),
        selected_poster=item.selected.get("posters", ""),
        selected_art=item.selected.get("arts", ""),
        added_at=item.added_at,
        updated_at=item.updated_at,
        **texts,
        **lists,
    )
