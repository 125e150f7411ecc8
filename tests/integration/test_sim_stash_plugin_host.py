"""The simulated Stash waits for its plugin, reads its output and kills it as the real one does."""

from __future__ import annotations

import http.client
import json
import os
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

from sim.stash.plugin_host import Output, read_output
from sim.stash.simulator import GraphQLRefusedError, StashSim
from tests.support.recorder import HOOKS, install_recorder, manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE_S = 60  # for what a busy machine delays
TWO_SCENES = ("/data/a.mp4", "/data/b.mp4")
READ = "import json, os, sys, time, subprocess; given = json.loads(sys.stdin.buffer.read())"


def plugin_of(folder: Path, script: str, hooks: tuple[str, ...] = HOOKS) -> Path:
    plugin = folder / "plugins" / "recorder"
    plugin.mkdir(parents=True)
    (plugin / "recorder.yml").write_text(manifest(hooks))
    (plugin / "recorder.py").write_text(f"{READ}\n{textwrap.dedent(script)}")
    return plugin


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def wait_until_alive(stash: StashSim, count: int = 1) -> None:
    wait_until(lambda: len(stash.invocations) >= count)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_save_waits_for_every_process_that_holds_standard_output(tmp_path: Path) -> None:
    script = """
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"], stderr=subprocess.DEVNULL)
    """
    with StashSim(plugin=plugin_of(tmp_path, script)) as stash:
        scene = stash.add_scene("/data/a.mp4")
        began = time.monotonic()
        stash.update_scene(scene, title="x")
        assert time.monotonic() - began >= 0.5


CHILD_THAT_HOLDS_STANDARD_ERROR = f"""
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
end = time.monotonic() + {PATIENCE_S}
while not (folder / "saved").exists():
    if time.monotonic() > end:
        sys.exit((folder / "gave up").touch())
    time.sleep(0.01)
try:
    sys.stderr.write("x")
    sys.stderr.flush()
except BrokenPipeError:
    (folder / "broken").touch()
"""


def test_a_save_does_not_wait_for_a_child_that_holds_only_standard_error(tmp_path: Path) -> None:
    """Stash closes its end when the script has ended: what the child writes then fails."""
    (tmp_path / "child.py").write_text(CHILD_THAT_HOLDS_STANDARD_ERROR)
    script = f"""
        child = [sys.executable, {str(tmp_path / "child.py")!r}, {str(tmp_path)!r}]
        subprocess.Popen(child, stdout=subprocess.DEVNULL)
    """
    with StashSim(plugin=plugin_of(tmp_path, script)) as stash:
        stash.update_scene(stash.add_scene("/data/a.mp4"), title="x")
        assert not (tmp_path / "gave up").exists(), "the save waited for the child"
        (tmp_path / "saved").touch()
        wait_until((tmp_path / "broken").exists)


def test_a_line_of_64_kib_ends_the_reading_and_the_next_write_fails(tmp_path: Path) -> None:
    """The script writes far more than a pipe holds, so that it meets the closed end however late it is closed."""
    script = """
        import signal
        signal.alarm(60)  # where nobody closes it nor reads
        sys.stderr.write("\\x01i\\x02" + "y" * 65532 + "\\n\\x01i\\x02before\\n")
        sys.stderr.write("z" * 65536 + "\\n")
        try:
            for _ in range(10_000):
                sys.stderr.write("\\x01i\\x02after\\n" * 100)
                sys.stderr.flush()
        except BrokenPipeError:
            os.close(2)
            print(json.dumps({"output": "broken"}))
    """
    with StashSim(plugin=plugin_of(tmp_path, script)) as stash:
        assert stash.operation() == "broken"
        assert [(line.level, line.text[:6]) for line in stash.log] == [("info", "yyyyyy"), ("info", "before")]


def test_a_large_input_arrives_in_full_and_may_stay_unread(tmp_path: Path) -> None:
    script = 'print(json.dumps({"output": len(given["args"]["big"])}))'
    with StashSim(plugin=plugin_of(tmp_path, script)) as stash:
        assert stash.operation(big="x" * 3_000_000) == 3_000_000
        (tmp_path / "plugins" / "recorder" / "recorder.py").write_text('print(\'{"output": "unread"}\')')
        assert stash.operation(big="x" * 3_000_000) == "unread"


def test_a_stop_kills_the_script_at_once_but_not_its_child(tmp_path: Path) -> None:
    script = f"""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        with open({str(tmp_path / "child.new")!r}, "w") as file:
            file.write(str(child.pid))
        os.rename({str(tmp_path / "child.new")!r}, {str(tmp_path / "child")!r})
        child.wait()
    """
    with StashSim(plugin=plugin_of(tmp_path, script)) as stash:
        job = stash.start_task("Record")
        wait_until((tmp_path / "child").exists)
        began = time.monotonic()
        stash.stop_job(job)
        assert stash.wait_for_job(job).status == "CANCELLED"
        assert time.monotonic() - began < 30  # the child would hold it for 60
        child = int((tmp_path / "child").read_text())
        assert stash.invocations[0].exit_code == -9
        assert is_alive(child)
        os.kill(child, 9)


def test_a_client_that_leaves_kills_the_running_hook_and_prevents_the_rest(tmp_path: Path) -> None:
    """Everything is stored nevertheless; the scenes after that of the killed hook get no hook."""
    with StashSim(plugin=plugin_of(tmp_path, "time.sleep(60)")) as stash:
        for path in TWO_SCENES:
            stash.add_scene(path)
        connection = http.client.HTTPConnection(stash.url.removeprefix("http://"))
        body = json.dumps({"query": 'mutation { bulkSceneUpdate(input: {ids: [1, 2], title: "x"}) { id } }'})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        wait_until_alive(stash)
        connection.close()
        wait_until(lambda: stash.invocations[0].exit_code is not None)
        assert stash.invocations[0].exit_code == -9
        time.sleep(0.1)  # a second hook would have been started by then
        assert len(stash.invocations) == 1
        assert [scene.title for scene in stash.library.scenes.values()] == ["x", "x"]


def test_one_task_runs_at_a_time(tmp_path: Path) -> None:
    seen = str(tmp_path / "seen")
    script = f"while given['args'].get('waits') and not os.path.exists({seen!r}): time.sleep(0.01)"
    with StashSim(plugin=plugin_of(tmp_path, script)) as stash:
        first, second = stash.start_task("Record", {"waits": True}), stash.start_task("Record")
        wait_until_alive(stash)
        assert [job["status"] for job in stash.gql("{ jobQueue { status } }")["jobQueue"]] == ["RUNNING", "READY"]
        (tmp_path / "seen").touch()
        stash.wait_for_job(second)
        ends = [each.started_at + (each.duration_s or 0) for each in stash.invocations]
        assert stash.invocations[1].started_at >= ends[0]
        assert stash.wait_for_job(first).status == "FINISHED"


def test_a_scan_runs_several_hooks_at_a_time_and_a_bulk_edit_one(tmp_path: Path) -> None:
    """A hook waits for another to run alongside: as long as that takes in the scan, briefly in the bulk edit."""
    (tmp_path / "started").mkdir()
    script = f"""
        folder = {str(tmp_path / "started")!r}
        open(os.path.join(folder, str(os.getpid())), "w").close()
        kind = given["args"]["hookContext"]["type"]
        end = time.monotonic() + ({PATIENCE_S} if kind == "Scene.Create.Post" else 0.2)
        while time.monotonic() < end and len(os.listdir(folder)) < 2:
            time.sleep(0.01)
        print(json.dumps({{"output": len(os.listdir(folder))}}))
    """
    with StashSim(plugin=plugin_of(tmp_path, script), parallel_tasks=2) as stash:
        scenes = stash.scan_new(*TWO_SCENES)
        for path in (tmp_path / "started").iterdir():
            path.unlink()
        stash.bulk_update(scenes, title="x")
        outputs = [json.loads(each.stdout)["output"] for each in stash.invocations]
        assert outputs == [2, 2, 1, 2]


def test_an_operation_waits_for_no_task(tmp_path: Path) -> None:
    script = "time.sleep(given['args'].get('sleep_s', 0)); print('{\"output\": 1}')"
    with StashSim(plugin=plugin_of(tmp_path, script)) as stash:
        job = stash.start_task("Record", {"sleep_s": 60})
        wait_until_alive(stash)
        assert stash.operation() == 1
        stash.stop_job(job)


def test_a_hook_that_edits_its_own_scene_ends_after_ten_rounds(tmp_path: Path) -> None:
    """Stash records in the session cookie what led to an edit, and stops at ten."""
    script = """
        import urllib.request
        server = given["server_connection"]
        body = json.dumps({"query": 'mutation { sceneUpdate(input: {id: 1, title: "x"}) { id } }'}).encode()
        headers = {"Content-Type": "application/json", "Cookie": "session=" + server["SessionCookie"]["Value"]}
        url = f"http://{server['Host']}:{server['Port']}/graphql"
        urllib.request.urlopen(urllib.request.Request(url, body, headers)).read()
    """
    with StashSim(plugin=plugin_of(tmp_path, script, ("Scene.Update.Post",))) as stash:
        stash.update_scene(stash.add_scene("/data/a.mp4"), title="x")
        assert len(stash.invocations) == 10


def test_stash_survives_a_missing_interpreter(tmp_path: Path) -> None:
    with StashSim(plugin=install_recorder(tmp_path), python=str(tmp_path / "no-python")) as stash:
        scene = stash.add_scene("/data/a.mp4")
        stash.update_scene(scene, title="x")
        assert stash.library.scenes[scene].title == "x"
        assert [line.level for line in stash.log] == ["error"]
        with pytest.raises(GraphQLRefusedError, match="error running plugin"):
            stash.operation()
        assert stash.run_task("Record").status == "FAILED"


def test_default_arguments_are_text_and_the_callers_take_precedence(tmp_path: Path) -> None:
    with StashSim(plugin=install_recorder(tmp_path)) as stash:
        stash.run_task("Record", {"days": 9, "extra": {"b": 1, "a": [1]}})
        assert json.dumps(stash.invocations[0].args) == json.dumps(
            {"days": 9, "extra": {"a": [1], "b": 1}, "mode": "record"}
        )
        stash.run_task("Record")
        assert stash.invocations[1].args == {"days": "7", "mode": "record"}


def test_a_task_has_progress_log_and_output(tmp_path: Path) -> None:
    with StashSim(plugin=install_recorder(tmp_path)) as stash:
        stderr = "\x01p\x020.5\n\x01w\x02careful\nplain\n"
        done = stash.run_task("Record", {"stderr": stderr, "stdout": '{"output": {"a": 1}}'})
        assert (done.status, done.progress, done.output, done.error) == ("FINISHED", 0.5, {"a": 1}, None)
        assert [(line.level, line.text) for line in done.log] == [("warning", "careful"), ("error", "plain")]
        failed = stash.run_task("Record", {"stdout": '{"error": "bad"}'})
        assert (failed.status, failed.output, failed.error) == ("FINISHED", None, "bad")


def test_stopping_stash_kills_running_scripts(tmp_path: Path) -> None:
    with StashSim(plugin=plugin_of(tmp_path, "time.sleep(60)")) as stash:
        scene = stash.add_scene("/data/a.mp4")

        def save() -> None:
            with pytest.raises((ConnectionError, http.client.HTTPException)):
                stash.update_scene(scene, title="x")

        thread = threading.Thread(target=save)
        thread.start()
        wait_until_alive(stash)
        stash.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        wait_until(lambda: stash.invocations[0].exit_code is not None)
        assert stash.invocations[0].exit_code == -9


@pytest.mark.parametrize(
    ("stdout", "exit_code", "expected"),
    [
        (b'{"output": [1, {"a": null}]}', 0, Output([1, {"a": None}])),
        (b' {"Output": "x"}\n', 0, Output("x")),
        (b'{"error": "bad", "output": 1}', 0, Output(1, "bad")),
        (b'{"error": 5}', 0, Output('{"error": 5}', "")),
        (b'{"other": 1}', 0, Output()),
        (b"null", 0, Output()),
        (b"", 0, Output("")),
        (b"5", 0, Output("5")),
        (b'{"output": 1}{"output": 2}', 0, Output('{"output": 1}{"output": 2}')),
        (b"print\n{}", 0, Output("print\n{}")),
        (b'{"output": 1}', 1, Output(None, "exit status 1")),
        (b'{"error": "bad"}', 1, Output(None, "bad")),
        (b"", -9, Output(None, "signal: killed")),
    ],
)
def test_the_output_is_one_json_object_or_text(stdout: bytes, exit_code: int, expected: Output) -> None:
    assert read_output(stdout, exit_code) == expected
