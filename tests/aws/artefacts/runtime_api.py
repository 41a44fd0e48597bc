"""The least of Lambda's Runtime API that a built function needs to start, answer and end. Thorough tests of the functions' behaviour
use the Runtime API in tests/aws/src; this one only has to run artefacts of another machine or inside an image's root.
"""

import http.server
import json
import queue
import threading
import time
import uuid

FUNCTION = "kinlink-artefact"


class RuntimeApi:
    """Hands out events one by one and collects what the function answers."""

    def __init__(self):
        self._events = queue.Queue()
        self._answers = queue.Queue()
        self.extensions = []
        self.unexpected = []
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/2018-06-01/runtime/invocation/next":
                    identifier, event = api._events.get()
                    headers = {
                        "Lambda-Runtime-Aws-Request-Id": identifier,
                        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
                        "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:eu-west-1:123456789012:function:{FUNCTION}",
                        "Lambda-Runtime-Trace-Id": "Root=1-5e1b4151-5ac6c58f5b8d8a6f3c6fca1b;Parent=53995c3f42cd8ad8;Sampled=0",
                    }
                    self.answer(200, event, headers)
                elif self.path == "/2020-01-01/extension/event/next":
                    # An internal extension without events waits here for ever.
                    threading.Event().wait()
                else:
                    self.refuse()

            def do_POST(self):
                body = self.body()
                parts = self.path.strip("/").split("/")
                if self.path == "/2020-01-01/extension/register":
                    api.extensions.append(self.headers["Lambda-Extension-Name"])
                    shape = {"functionName": FUNCTION, "functionVersion": "$LATEST", "handler": "bootstrap"}
                    self.answer(200, shape, {"Lambda-Extension-Identifier": str(uuid.uuid4())})
                elif parts[:3] == ["2018-06-01", "runtime", "invocation"] and parts[-1] in ("response", "error"):
                    self.answer(202, {"status": "OK"})
                    api._answers.put((parts[3], parts[-1], body))
                elif self.path == "/2018-06-01/runtime/init/error":
                    self.answer(202, {"status": "OK"})
                    api._answers.put((None, "init error", body))
                else:
                    self.refuse()

            def refuse(self):
                api.unexpected.append(f"{self.command} {self.path}")
                self.answer(404, {"errorMessage": "there is no such path"})

            def body(self):
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                # Trailers, up to the empty line.
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)

            def answer(self, status, content, headers=None):
                encoded = json.dumps(content).encode()
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                # A function that ends drops its connections; that is no news.
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def send(self, event):
        """Queues an event; returns its id."""
        identifier = str(uuid.uuid4())
        self._events.put((identifier, event))
        return identifier

    def answer(self, seconds):
        """The next answer as (id, kind, body); None if none came in time."""
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self):
        self._server.shutdown()
        self._server.server_close()
