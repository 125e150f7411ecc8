"""Preview of one scene: its items in Plex, what they hold, what Stash wants, what would be sent. Changes nothing.

The task asks Plex itself, independently of the worker.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from local.words import counted
from plex.edit import LONGEST_LINE_BYTES, text_bytes_for
from plex.errors import Ambiguous, NotInPlex, PlexError
from plex.fields import clean_values, values_of
from plex.plan import plan
from push.fields import reason_to_skip, wanted_of
from push.other_scenes import owners_in_stash
from push.shared_items import Claim, owned_after_claim, scene_is_in
from store.overview import Overview
from tasks.answers import PreviewAnswer, PreviewItem
from tasks.arguments import scene_id_of
from tasks.context import TaskError
from tasks.prerequisites import need_packages, open_stash
from tasks.temporary_finder import temporary_finder

if TYPE_CHECKING:
    from plex.client import PlexClient
    from plex.fields import Values
    from plex.match import Match
    from plex.model import PlexItem
    from plex.plan import Plan, Wanted
    from stash.client import StashClient
    from stash.scene import Scene
    from stash.settings import Settings
    from tasks.answers import FieldValue
    from tasks.context import Context


def preview(context: Context) -> PreviewAnswer:
    """Preview the scene of the argument `scene_id`. Raises TaskError if Stash lacks it, or if Plex cannot be asked.

    Ends with the first request that fails; each is limited in its whole time.
    """
    scene_id = scene_id_of(context.input.args)
    need_packages(context)
    from plex.client import PlexClient  # noqa: PLC0415 - needs packages
    from push.plex_link import plex_connection  # noqa: PLC0415 - as above

    with open_stash(context) as (stash, settings):
        scene = stash.read_scenes([scene_id]).get(scene_id)
        if scene is None:
            raise TaskError(f"Stash has no scene {scene_id}.")
        try:
            plex = PlexClient(plex_connection(settings, context.directory), clock=context.clock)
            try:
                items, message = _items(context, plex, stash, scene, settings), ""
            except (NotInPlex, Ambiguous) as error:
                items, message = (), str(error)
            finally:
                plex.close()
        except PlexError as error:
            raise TaskError(f"Plex does not show what it has: {error}") from error
    was_pushed = scene_id in Overview(context.directory).last_pushes([scene_id]).pushed
    if reason := reason_to_skip(scene, settings, was_pushed=was_pushed):
        message = f"The scene would not be pushed: {reason}."
    context.log.info("scene %d: %s%s", scene_id, counted(len(items), "item"), f" ({message})" if message else "")
    return PreviewAnswer(scene_id=scene_id, items=items, message=message)


def _items(
    context: Context, plex: PlexClient, stash: StashClient, scene: Scene, settings: Settings
) -> tuple[PreviewItem, ...]:
    overview = Overview(context.directory)
    files = [(file.path, file.size) for file in scene.files]
    with temporary_finder(context, plex, settings) as finder:
        matches = finder.find(files, since=context.now, find_owners=owners_in_stash([scene], stash))
    found = plex.read_items([match.item.rating_key for match in matches])
    current = [(found[match.item.rating_key], match) for match in matches if match.item.rating_key in found]
    libraries = {section.key: section.title for section in plex.sections()}
    shown = []
    holds_scene = partial(scene_is_in, stash, finder)
    claim = Claim(scene_id=scene.id, files=files, rules=finder.rules, holds_scene=holds_scene)
    for item, match in current:
        owned = owned_after_claim(overview.item(item.rating_key), claim, item)
        text_bytes = text_bytes_for(overview.line_bytes() or LONGEST_LINE_BYTES)
        wanted = replace(wanted_of(scene, settings), text_bytes=text_bytes)
        altered, keep = overview.altered(item.rating_key), settings.keep_plex_edits
        edit = plan(item, wanted, owned, keep_plex_edits=keep, altered=altered) if owned else None
        shown.append(_item(item, match, wanted, edit, library=libraries.get(item.section_key, "")))
    return tuple(shown)


def _item(item: PlexItem, match: Match, wanted: Wanted, edit: Plan | None, *, library: str) -> PreviewItem:
    """`edit`: None if the item belongs to another scene, so that nothing would be sent."""
    return PreviewItem(
        rating_key=item.rating_key,
        library=library,
        title=item.title,
        path=match.plex_path,
        grade=match.grade.name.lower(),
        reason=match.reason + ("" if edit else "; another scene whose file is in this item is shown instead"),
        current=_by_name(values_of(item)),
        wanted=_by_name(clean_values(wanted.values)),
        send=_by_name({name: new for name, (_, new) in edit.changes.items()}) if edit else {},
    )


def _by_name(values: Values) -> dict[str, FieldValue]:
    return {name.value: value for name, value in values.items()}
