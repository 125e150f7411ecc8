"""The filters and sorts of a section (`includeMeta=1`); plexapi asks for them before it searches."""

from __future__ import annotations

from sim.plex.model import TAG_ELEMENTS
from sim.plex.xml_answers import element

_TAGS = [kind for kind in TAG_ELEMENTS if kind != "label"] + ["label"]
_FIELD_TYPES = {
    "title": "string",
    "studio": "string",
    "summary": "string",
    "editionTitle": "string",
    "year": "integer",
    "userRating": "integer",
    "addedAt": "date",
    "originallyAvailableAt": "date",
    **dict.fromkeys(_TAGS, "tag"),
}
_OPERATORS = {
    "tag": {"=": "is", "!=": "is not"},
    "integer": {"=": "is", "!=": "is not", ">>=": "is greater than", "<<=": "is less than"},
    "string": {
        "=": "contains",
        "!=": "does not contain",
        "==": "is",
        "!==": "is not",
        "<=": "begins with",
        ">=": "ends with",
    },
    "boolean": {"=": "is true", "!=": "is false"},
    "date": {"<<=": "is before", ">>=": "is after"},
}
_SORTS = ("titleSort", "year", "originallyAvailableAt", "userRating", "addedAt")


def meta_element(section_key: int, section_type: str) -> str:
    """The `<Meta>` of a listing."""
    root = f"/library/sections/{section_key}"
    filters = [
        element(
            "Filter",
            {"filter": kind, "filterType": "string", "key": f"{root}/{kind}", "title": kind.title(), "type": "filter"},
        )
        for kind in _TAGS
    ]
    sorts = [
        element(
            "Sort",
            {"defaultDirection": "asc", "descKey": f"{name}:desc", "key": name, "title": name, "default": None},
        )
        for name in _SORTS
    ]
    fields = [
        element("Field", {"key": name, "title": name, "type": field_type}) for name, field_type in _FIELD_TYPES.items()
    ]
    kind = element(
        "Type",
        {"key": f"{root}/all?type=1", "type": section_type, "title": "Movies", "active": 1},
        "".join([*filters, *sorts, *fields]),
    )
    field_types = [
        element(
            "FieldType",
            {"type": name},
            "".join(element("Operator", {"key": key, "title": title}) for key, title in operators.items()),
        )
        for name, operators in _OPERATORS.items()
    ]
    return element("Meta", {}, kind + "".join(field_types))
