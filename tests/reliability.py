"""What breaks live trackers elsewhere, and which test shows what happens here: `make reliability`.

    python tests/reliability.py            # runs every test of the table, prints a line for each row
    python tests/reliability.py --write    # writes docs/reliability.md anew

A row names tests by file and function. Rows whose devices or minutes no test can bring are measured by a
command instead, which is named too.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "reliability.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that breaks, and what shows that it does not break here.

    Attributes:
        what: that happens.
        tests: file below tests, and names of test functions in it.
        more: a command that measures it for real, or what is not shown; "" = the tests say it all.
    """

    what: str
    tests: dict[str, str]
    more: str = ""


_FAULTS = "`emotrack bench faults` does it to real devices under the real command"
DRIVER, AUDIO = "realtime/sources/test_driver.py", "realtime/sources/test_audio_track.py"
CAMERAS, VIDEO = "realtime/sources/test_cameras.py", "realtime/sources/test_video_track.py"
SOUND, ECHO = "realtime/sources/test_sound_devices.py", "realtime/sources/test_echo.py"
LIVE, ENGINE = "realtime/session/test_live.py", "core/engine/test_engine.py"
RECORDER, FOLDER = "realtime/recording/test_recorder.py", "realtime/sinks/test_run_folder.py"
SERVER, HISTORY = "realtime/feed/test_server.py", "realtime/feed/test_history.py"
HOSTILE, HTTP, CODEC = (f"realtime/feed/test_{name}.py" for name in ("hostile", "http", "codec"))
CLIENT_SESSION, ATTACKS = "realtime/feed/test_client_session.py", "realtime/feed/test_attacks.py"
POLICY, PRIVACY = "contracts/test_policy.py", "contracts/test_privacy.py"
CONSENT, LEDGER = "realtime/consent/test_live_consent.py", "realtime/consent/test_ledger.py"

ENVIRONMENT: Final = {"EMOTRACK_TEST_WITHDRAWALS": "200"}
"""What tests do more often here than in the suite."""

ROWS: Final = (
    Row(
        "a microphone is unplugged and plugged in, the default changes, the rate changes",
        {
            SOUND: "a_microphone_that_is_pulled_out_is_missing_within_a_second_and_back_within_three "
            "a_change_of_the_default_microphone_is_followed",
            AUDIO: "another_sample_rate_after_opening_again_keeps_the_time",
        },
        _FAULTS,
    ),
    Row(
        "a camera freezes, repeats its picture, blocks while it is read",
        {
            VIDEO: "the_same_picture_again_and_again_is_frozen_within_a_second",
            CAMERAS: "a_camera_that_repeats_its_picture_is_missing_until_the_picture_changes "
            "a_read_that_blocks_is_missing_within_a_second_and_does_not_keep_the_end_waiting",
        },
        _FAULTS,
    ),
    Row(
        "a microphone gives zeros only; that is told from a quiet room",
        {
            AUDIO: "digital_silence_of_a_microphone_is_a_fault_and_of_a_loopback_is_not",
            SOUND: "a_muted_microphone_is_told_from_a_quiet_room_and_keeps_its_time",
        },
    ),
    Row(
        "a loopback gives nothing while nothing plays; the time goes on",
        {AUDIO: "a_loopback_that_says_nothing_while_nothing_plays_is_silent_and_not_missing"},
    ),
    Row(
        "capture stalls: a gap, and nothing is shortened",
        {
            AUDIO: "samples_that_a_stall_swallowed_become_a_gap_of_that_length "
            "blocks_that_come_late_together_leave_no_hole"
        },
    ),
    Row(
        "clocks drift by 200 ppm for two hours, the wall clock jumps, the machine sleeps",
        {
            AUDIO: "after_two_hours_a_drifting_card_is_where_it_belongs the_machine_slept_and_the_stream_says_so",
            DRIVER: "sleep_and_a_set_clock_are_told_apart",
        },
        _FAULTS,
    ),
    Row(
        "variable frame rates, cameras from 5 to 60 pictures a second",
        {
            VIDEO: "cameras_of_any_rate_give_all_their_pictures_at_their_times",
            "core/media/test_recording.py": "variable_frame_rates_keep_their_true_times",
        },
    ),
    Row(
        "the loudspeaker is heard by the microphone; it is not me",
        {
            ECHO: "an_echo_is_silenced_from_its_first_word what_i_say_while_they_speak_stays",
            SOUND: "what_the_loudspeaker_plays_into_the_microphone_is_not_mine",
        },
    ),
    Row(
        "a shutter, a dark room, no face, twenty faces, faces that change places",
        {
            VIDEO: "a_covered_camera_is_dark_even_when_its_noise_moves a_dim_room_is_not_dark",
            ENGINE: "silence_without_pictures_says_nothing",
            "core/stages/test_face_tracking.py": "two_faces_that_cross_are_never_exchanged "
            "only_the_largest_faces_are_followed differently_dressed_people_in_one_shot_are_never_exchanged",
        },
    ),
    Row(
        "a ring of sound overflows: the oldest goes, it is counted, the feed says so",
        {
            DRIVER: "a_full_ring_drops_the_oldest_and_counts",
            AUDIO: "an_overflow_of_the_ring_becomes_a_gap_and_is_counted",
        },
    ),
    Row(
        "a recogniser of half the speed of speech: work is shed, lag bounded, finals kept",
        {
            "core/engine/test_load_shedding.py": "queue_ages_stay_bounded_and_the_step_does_not_swing_whatever_the_speed",
            "core/engine/test_live.py": "whatever_load_devices_and_workers_do_every_utterance_has_its_final_estimate",
        },
        "`emotrack bench faults --only load`",
    ),
    Row(
        "a network raises, gives no number, hangs",
        {
            LIVE: "a_worker_that_fails_on_everything_costs_no_final "
            "words_that_hang_are_given_up_and_the_final_estimate_still_comes",
            "core/backends/test_compiling.py": "a_network_that_gives_no_number_is_refused",
            "realtime/session/test_worker_threads.py": "a_worker_that_raises_gives_a_failure_and_the_lane_goes_on",
        },
        "a graphics card that is lost or full is not tried: it raises, and that is tried",
    ),
    Row(
        "silence, noise, music: no utterance, no word",
        {
            "core/workers/test_transcribe.py": "nothing_is_invented_where_nobody_speaks",
            "benchmarks/test_quiet.py": "one_word_where_nobody_speaks_is_a_failure_and_the_ledger_stays_as_it_is",
        },
        "`emotrack bench quiet`",
    ),
    Row(
        "90 s without a pause, 0.2 s of speech, two who speak at once",
        {
            ENGINE: "a_monologue_of_ninety_seconds_is_cut_into_utterances_without_a_hole_between_them "
            "an_utterance_of_a_fifth_of_a_second_gets_its_transcript_and_final_estimate",
            "core/engine/test_live.py": "two_streams_of_strangers_do_not_share_names",
        },
    ),
    Row(
        "hours: lag, memory, handles and threads stay",
        {
            "core/stages/test_active_speaker.py": "memory_is_bounded_however_long_the_conversation",
            "core/stages/test_face_tracking.py": "memory_is_bounded",
            "realtime/runs/test_serve_soak.py": "of_sessions_that_are_over_no_object_handle_or_thread_stays",
        },
        "`emotrack bench live --soak 60`, `emotrack bench soak --sessions 150`, docs/results.md",
    ),
    Row(
        "live and replay say the same",
        {
            "e2e/test_live.py": "a_live_run_of_the_real_networks_is_had_again_from_its_recording",
            "e2e/test_replay.py": "a_second_run_and_one_in_random_pieces_write_the_same_bytes",
        },
    ),
    Row(
        "every subset of voice, words and face; what is missing is said and not estimated from",
        {
            "core/engine/test_properties.py": "what_is_not_there_is_missing_and_never_estimated_from",
            "core/models/test_fusion.py": "every_availability_pattern_gives_finite_logits_and_attribution_that_sums_to_one",
        },
    ),
    Row(
        "a stop while a device or an engine is being brought back is not undone",
        {
            DRIVER: "a_stop_while_it_tries_again_is_not_undone_by_the_attempt",
            "realtime/desktop/test_engine_process.py": "stopping_while_it_waits_for_another_attempt_ends_the_attempts "
            "stopping_before_the_feed_is_there_ends_it_at_once_and_for_good",
        },
    ),
    Row(
        "kill -9 while a run is recorded: the file is read to its last second",
        {RECORDER: "a_run_that_is_killed_can_be_read_to_within_a_second_of_its_end"},
    ),
    Row(
        "a full disk, a folder that cannot be written, odd names",
        {
            RECORDER: "a_disk_that_is_full_ends_the_recording_and_not_the_run a_folder_that_cannot_be_made_is_said_at_once",
            FOLDER: "without_room_no_run_begins_and_little_room_is_told_once",
            "contracts/test_sinks.py": "when_one_disk_is_full_the_fault_is_told_once_and_the_other_sinks_go_on",
            "realtime/runs/test_sinks.py": "a_recording_and_a_folder_whose_names_are_no_text_make_a_run_like_any_other",
        },
    ),
    Row(
        "a reader that stalls",
        {
            SERVER: "a_viewer_whose_backlog_is_too_long_is_disconnected_and_the_others_lose_nothing "
            "a_viewer_who_takes_nothing_for_too_long_is_disconnected_with_the_code_for_it"
        },
    ),
    Row(
        "500 that come back at once; numbers known, forgotten, of the future",
        {
            HISTORY: "a_storm_of_500_that_come_back_at_once_loses_no_final",
            ATTACKS: "in_a_storm_of_500_everybody_is_served_or_told_why",
            SERVER: "a_number_of_another_run_or_of_the_future_is_refused",
        },
    ),
    Row(
        "numbers stay in order under conflation, finals are never dropped",
        {
            HISTORY: "the_accounts_explain_every_number_up_to_the_newest "
            "order_is_kept_nothing_lasting_is_lost_and_the_newest_rolling_of_each_person_gets_through"
        },
    ),
    Row(
        "bad JSON, nesting, bad UTF-8, binary, versions, unknown fields",
        {
            CODEC: "what_does_not_belong_is_refused_by_the_name_of_its_field",
            HOSTILE: "whatever_a_client_says_ends_its_own_connection_only",
        },
        "`make fuzz`",
    ),
    Row(
        "messages too large, floods of fragments, 10,000 headers, slow requests",
        {
            HOSTILE: "a_flood_of_tiny_fragments_is_refused_long_before_it_fills_the_memory "
            "requests_beyond_all_bounds_are_refused a_request_that_never_ends_is_cut_off"
        },
    ),
    Row("a compression bomb", {HOSTILE: "compression_is_not_offered_so_there_is_no_bomb"}),
    Row(
        "pings without an answer, half-open connections",
        {SERVER: "a_client_of_which_nothing_is_heard_is_asked_and_then_disconnected"},
    ),
    Row(
        "too many clients",
        {
            HTTP: "there_is_a_bound_on_clients_and_it_is_said_why",
            ATTACKS: "silent_websockets_fill_their_own_places_and_the_oldest_gives_way",
        },
    ),
    Row("the end of the program", {SERVER: "at_the_end_viewers_receive_what_waits_and_are_sent_away"}),
    Row(
        "every message fits the schema; an old client and a new server",
        {
            "e2e/test_replay.py": "every_message_is_as_the_schema_says_and_numbered",
            CODEC: "what_the_feed_answers_is_understood_by_a_client_and_fits_the_schema",
            CLIENT_SESSION: "an_old_client_is_understood_by_a_new_server_and_understands_it",
        },
    ),
    Row(
        "`Origin`: suffix, prefix, case, port, null, missing, malformed",
        {HTTP: "a_page_of_another_site_can_neither_fetch_anything_nor_open_the_stream"},
    ),
    Row(
        "`Host`: DNS rebinding, on pages and websockets",
        {HTTP: "a_page_of_another_site_can_neither_fetch_anything_nor_open_the_stream"},
    ),
    Row(
        "the token: random, compared in full, in no log and no address, within 2 s",
        {
            CLIENT_SESSION: "tokens_are_random_long_compared_in_full_and_told_apart",
            SERVER: "neither_words_of_the_conversation_nor_tokens_ever_reach_the_log",
            HTTP: "a_token_in_the_address_is_refused_and_never_lets_anybody_in",
        },
    ),
    Row(
        "an address open to the network",
        {HTTP: "the_feed_is_never_opened_to_the_network_without_tls"},
    ),
    Row(
        "wrong tokens by the dozen; data before the token",
        {
            CLIENT_SESSION: "a_right_token_always_passes_however_many_wrong_ones_come_from_the_same_address "
            "nothing_about_the_run_is_told_before_the_token_was_right"
        },
    ),
    Row(
        "a viewer that wants to control",
        {"realtime/feed/test_control.py": "a_viewer_can_request_nothing_and_keeps_its_connection"},
    ),
    Row(
        "files that run code or grow: checkpoints, tables, recorded runs, pictures",
        {
            "core/backends/test_seal.py": "what_belongs_to_somebody_else_is_refused",
            "train/corpora/test_array_pickle.py": "*",
            RECORDER: "foreign_bytes_are_refused_and_run_no_code a_record_that_claims_too_much_or_something_else_is_refused",
            "realtime/recording/test_hostile_recordings.py": "*",
            "realtime/feed/test_ingest.py": "a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded",
        },
    ),
    Row("paths from clients", {HTTP: "nothing_but_the_page_s_files_can_be_fetched"}),
    Row(
        "markup in words and names; text that steers a terminal",
        {
            HTTP: "the_page_puts_text_in_as_text_only",
            "realtime/sinks/test_webvtt.py": "markup_and_arrows_in_words_are_shown_as_words "
            "words_cannot_steer_the_terminal_that_shows_the_file",
        },
        "nothing is exported as a table",
    ),
    Row(
        "a dependency with a known hole; the decoder meets what nobody thought of",
        {
            "contracts/test_packaging.py": "every_dependency_has_an_exact_version_that_is_known_to_work",
            CODEC: "thousands_of_damaged_messages_are_understood_or_refused_and_nothing_else",
        },
        "`make audit`, `make fuzz`",
    ),
    Row(
        "nothing is written unless asked",
        {
            PRIVACY: "a_replay_writes_no_file_and_calls_nobody_unless_told_to",
            CONSENT: "without_consent_nothing_is_opened_no_thread_starts_and_nothing_is_written",
        },
    ),
    Row(
        "nobody is called once the models are there",
        {
            PRIVACY: "a_replay_writes_no_file_and_calls_nobody_unless_told_to "
            "only_weights_and_feed_use_the_network_and_nothing_reports_home"
        },
    ),
    Row(
        "consent absent, declined, withdrawn",
        {
            CONSENT: "who_declines_is_recorded_by_decision_only_and_nothing_starts "
            "withdrawal_closes_real_threads_of_devices_within_a_second_and_leaves_no_file",
            "realtime/consent/test_many_withdrawals.py": "each_closes_all_devices_and_leaves_no_thread",
        },
        "200 withdrawals in a row",
    ),
    Row(
        "at work and in schools: no way around, by command, configuration, client or recording",
        {
            POLICY: "a_live_run_for_it_opens_no_camera_and_no_screen emptying_the_engines_settings_is_no_way_out "
            "clients_that_send_pictures_and_ask_for_them_back_get_words "
            "a_purpose_once_named_is_not_replaced_by_another_however_it_is_named"
        },
    ),
    Row(
        "the ledger: who, when, which text, what for, and nothing else",
        {LEDGER: "a_line_has_who_when_what_text_what_for_and_nothing_else"},
    ),
    Row(
        "no transcript in a log",
        {
            SERVER: "neither_words_of_the_conversation_nor_tokens_ever_reach_the_log",
            "core/workers/test_transcribe.py": "no_word_reaches_the_log",
        },
    ),
)
"""In the order of the table."""


def functions_of(path: Path) -> dict[str, str]:
    """Name of each test function, without `test_` -> its node below the file."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inner:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test_"):
                name = f"{node.name}::{one.name}" if isinstance(node, ast.ClassDef) else one.name
                found[one.name.removeprefix("test_")] = name
    return found


def nodes_of(row: Row) -> list[str]:
    """What pytest is asked to run.

    Raises:
        LookupError: a test is not there.
    """
    nodes = []
    for file, names in row.tests.items():
        there = functions_of(ROOT / "tests" / file)
        for name in there if names == "*" else names.split():
            if name not in there:
                raise LookupError(f"tests/{file} has no test_{name}")
            nodes.append(f"tests/{file}::{there[name]}")
    return nodes


def document() -> str:
    """The table as Markdown."""
    lines = [
        "# What breaks live trackers, and what shows that it does not break this one",
        "",
        "Written by `python tests/reliability.py --write`. `make reliability` runs every test below and prints a line",
        "for each row; tests of devices bring a sound server, a camera and a screen of their own",
        "(`make test-packages`).",
        "",
        "| | what happens | shown by | and |",
        "|---|---|---|---|",
    ]
    for number, row in enumerate(ROWS, start=1):
        tests = [f"`{Path(file).name}`: {_told(names)}" for file, names in row.tests.items()]
        lines.append(f"| {number} | {row.what} | {'; '.join(tests)} | {row.more} |")
    return "\n".join(lines) + "\n"


def _told(names: str) -> str:
    return "all" if names == "*" else ", ".join(name.replace("_", " ") for name in names.split())


def main(words: list[str]) -> int:
    """Run or write; 0 when every row is shown."""
    if words == ["--write"]:
        DOCUMENT.write_text(document(), encoding="utf-8")
        return 0
    nodes = sorted({node for row in ROWS for node in nodes_of(row)})
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--no-header", "-n", "0", *nodes]
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    outcome: dict[str, set[str]] = {}
    for kind, node in re.findall(
        r"^(PASSED|FAILED|ERROR|SKIPPED) (?:\[\d+\] )?(\S+?)(?:\[.*| - .*|:\d+: .*)?$", done.stdout, re.M
    ):
        outcome.setdefault(node, set()).add(kind)
    failed = 0
    for number, row in enumerate(ROWS, start=1):
        found = {kind for node in nodes_of(row) for kind in outcome.get(node, {"NOT RUN"})}
        verdict = "passed" if found <= {"PASSED"} else ", ".join(sorted(found - {"PASSED"})).lower()
        failed += verdict != "passed"
        sys.stdout.write(f"{number:2} {verdict:8} {row.what}{f' ({row.more})' if row.more else ''}\n")
    sys.stdout.write(f"{len(ROWS) - failed} of {len(ROWS)} rows passed, {len(nodes)} tests.\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
