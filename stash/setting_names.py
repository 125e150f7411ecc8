"""What Stash's settings page calls each setting: the `displayName` of plexsync.yml, for messages to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTING_NAMES: Final[Mapping[str, str]] = {
    "plex_url": "Plex address",
    "plex_token": "Plex token",
    "plex_library": "Plex libraries",
    "path_map": "Path map",
    "paused": "Pause",
    "only_organized": "Only organized scenes",
    "allow_ambiguous": "Take the best of several matches",
    "keep_plex_edits": "Keep edits made in Plex",
    "skip_missing": "Skip scenes that Plex does not have",
    "stash_url_for_plex": "Stash address for Plex",
    "scan_plex": "Let Plex scan",
    "skip_title": "Skip title",
    "skip_studio": "Skip studio",
    "skip_summary": "Skip summary",
    "skip_date": "Skip date",
    "skip_rating": "Skip rating",
    "skip_performers": "Skip performers",
    "skip_tags": "Skip tags",
    "skip_director": "Skip director",
    "skip_collections": "Skip collections",
    "skip_poster": "Skip poster",
    "skip_background": "Skip background",
    "exclude_tags": "Tags never sent",
    "max_tags": "Most genres per item",
    "max_retries": "Attempts",
    "connect_timeout": "Connect timeout (seconds)",
    "read_timeout": "Read timeout (seconds)",
    "tls": "Plex certificate",
    "recovery_rate": "Recovery rate (jobs per second)",
    "recovery_minutes": "Recovery period (minutes)",
    "reconcile_interval": "Reconciliation interval",
    "reconcile_scope": "Reconciliation scope",
    "ignore_missing": "Ignore missing scenes",
    "leave_when_idle": "Leave when idle",
    "debug_logging": "Debug logging",
    "hide_paths": "Hide paths in logs",
}


def on_the_page(key: str) -> str:
    """The setting's name in double quotes."""
    return f'"{SETTING_NAMES[key]}"'
