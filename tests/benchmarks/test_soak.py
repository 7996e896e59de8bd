"""`bench soak`: what viewers see is counted, and what a run costs is read behind its warm-up."""

from __future__ import annotations

import json
import threading

from websockets.sync.server import serve

from benchmarks.soak import ends_of
from benchmarks.viewer_crowd import ViewerCrowd


def test_the_warm_up_is_left_out():
    series = [(float(i), 10.0 * min(i, 4)) for i in range(16)]
    assert ends_of(series) == {"early": 40.0, "late": 40.0, "most": 40.0}


def test_events_are_counted_and_those_out_of_order_too():
    seen = threading.Semaphore(0)

    def talk(connection) -> None:
        connection.send(json.dumps({"type": "welcome"}))
        assert json.loads(connection.recv())["token"] == "secret"
        connection.send(json.dumps({"type": "snapshot", "seq": 9, "count": 3}))
        for number in (3, 5, 4):
            connection.send(json.dumps({"type": "status", "seq": number}))
        seen.release()
        connection.recv(timeout=20)

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.socket.getsockname()[1]
        with ViewerCrowd(f"http://127.0.0.1:{port}/#token=secret", 2, churn=False) as crowd:
            assert seen.acquire(timeout=20)
            assert seen.acquire(timeout=20)
            assert any(crowd.figures.events == 6 for _ in range(10**8)), "they are read at once"
        server.shutdown()
        thread.join()
    assert (crowd.figures.connections, crowd.figures.events, crowd.figures.out_of_order) == (2, 6, 2)
