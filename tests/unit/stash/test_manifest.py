"""plexsync.yml has the names that others rely on. Regular expressions can read it: it has one key per line."""

from __future__ import annotations

import re
from pathlib import Path

from sim.stash.manifest import KEYS, parse_yaml
from stash.settings import SETTING_KEYS

MANIFEST = (Path(__file__).resolve().parents[3] / "plexsync.yml").read_text(encoding="utf-8")

TASKS = {
    "Process Queue": "process_queue",
    "Health Check": "health_check",
    "View Queue Status": "queue_status",
    "Outage Summary Report": "outage_summary",
    "Recover Outage Jobs": "recover_outage_jobs",
    "Sync All Scenes": "sync_all",
    "Sync Recent Scenes": "sync_recent",
    "Reconcile Library (All)": "reconcile_all",
    "Reconcile Library (Recent)": "reconcile_recent",
    "Reconcile Library (Last 7 Days)": "reconcile_7days",
    "Preview Reconciliation": "reconcile_preview",
    "Clear Pending Queue": "clear_queue",
    "Clear Dead Letter Queue": "clear_dlq",
    "Purge Old Dead Letters": "purge_dlq",
    "Restore Cleared Jobs": "restore_cleared",
    "Link Plex Account": "link_plex",
    "Undo PlexSync in Plex": "undo_all",
    "Preview Undo": "undo_all",
}
HOOKS = [
    "Scene.Create.Post",
    "Scene.Update.Post",
    "Scene.Destroy.Post",
    "Performer.Update.Post",
    "Performer.Destroy.Post",
    "Studio.Update.Post",
    "Studio.Destroy.Post",
    "Tag.Update.Post",
    "Tag.Destroy.Post",
    "Tag.Merge.Post",
    "Group.Update.Post",
    "Group.Destroy.Post",
]
STRINGS = {
    "plex_url",
    "plex_token",
    "plex_library",
    "path_map",
    "stash_url_for_plex",
    "exclude_tags",
    "tls",
    "reconcile_interval",
    "reconcile_scope",
}
NUMBERS = {"max_tags", "max_retries", "connect_timeout", "read_timeout", "recovery_rate", "recovery_minutes"}


def section(name: str) -> str:
    """The lines below the top-level key `name`."""
    found = re.search(rf"^{name}:\n((?:(?:  .*)?\n|#.*\n)*)", MANIFEST, re.MULTILINE)
    assert found
    return found[1]


def test_manifest_lists_every_parsed_setting_with_its_type() -> None:
    setting = r"^  (\w+):\n    displayName: .+\n    description: .+\n    type: (\w+)$"
    found = re.findall(setting, section("settings"), re.MULTILINE)
    types = {key: "STRING" if key in STRINGS else "NUMBER" if key in NUMBERS else "BOOLEAN" for key in SETTING_KEYS}
    assert dict(found) == types
    assert len(found) == len(types)


def test_tasks_have_their_public_names_and_modes() -> None:
    found = re.findall(
        r"^  - name: (.+)\n    description: .+\n    defaultArgs:\n      mode: (\w+)(?:\n      preview: \"true\")?$",
        section("tasks"),
        re.MULTILINE,
    )
    assert dict(found) == TASKS
    assert len(found) == section("tasks").count("- name:")


def test_one_hook_is_triggered_by_every_event() -> None:
    assert re.findall(r"^      - (\S+)$", section("hooks"), re.MULTILINE) == HOOKS
    assert section("hooks").count("- name:") == 1


def test_stash_starts_the_script_without_the_site_module() -> None:
    assert 'exec: [python3, -S, "{pluginDir}/plexsync.py"]\n' in MANIFEST
    assert "interface: raw\n" in MANIFEST


def test_manifest_has_no_key_that_stash_does_not_know() -> None:
    keys = set(re.findall(r"^ *(?:- )?(\w+):", MANIFEST, re.MULTILINE)) - SETTING_KEYS
    assert keys == {
        *("name", "description", "version", "url", "interface", "exec", "hooks", "tasks", "settings"),
        *("triggeredBy", "defaultArgs", "mode", "preview", "bad_is_error", "displayName", "type"),
        *("ui", "javascript", "css", "assets"),
    }


# What the validator of CommunityScripts allows, beyond what Stash itself does.
TRIGGER = re.compile(
    r"(Scene|SceneMarker|Image|Gallery|Movie|Group|Performer|Studio|Tag)\.(Create|Update|Destroy|Merge)\.Post"
)


def test_the_manifest_passes_the_rules_of_community_scripts() -> None:
    """Its build reads name, description and version line by line, with `grep`."""
    manifest = parse_yaml(MANIFEST)
    assert set(manifest) <= KEYS
    for name in ("name", "description", "version", "url"):
        lines = re.findall(rf"^{name}: (\S.*)$", MANIFEST, re.MULTILINE)
        assert [line.strip('"') for line in lines] == [str(manifest[name])]
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert manifest["url"].startswith("https://")
    assert all(TRIGGER.fullmatch(event) for hook in manifest["hooks"] for event in hook["triggeredBy"])
    for task in manifest["tasks"]:
        assert task["name"]
        assert all(isinstance(value, str) for value in task["defaultArgs"].values())
    for setting in manifest["settings"].values():
        assert {"displayName", "type"} <= set(setting)
        assert all(isinstance(text, str) for text in setting.values())
