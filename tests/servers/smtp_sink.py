"""An SMTP server that delivers nothing: it appends every message it receives to a file, one JSON object a line.

    smtp_sink.py HOST PORT FILE

Each line is {"from": "…", "to": ["…"], "data": "…"}; data is the whole message as it came over the wire.
"""

import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP


class Sink:
    """Accepts every message and writes it down."""

    def __init__(self, path):
        self.path = path

    async def handle_DATA(self, server, session, envelope):
        line = json.dumps(
            {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                # Bytes that are not UTF-8 must not lose the message: they come out as lone surrogates' escapes.
                "data": envelope.content.decode("utf-8", "backslashreplace"),
            }
        )
        # One write for the whole line, before the message is acknowledged: who got 250 finds it in the file.
        with open(self.path, "a", encoding="utf-8") as sink:
            sink.write(line + "\n")
        return "250 Message accepted for delivery"


async def serve(host, port, path):
    sink = Sink(path)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, enable_SMTPUTF8=True, loop=loop), host, port)
    await server.serve_forever()


if __name__ == "__main__":
    _, host, port, path = sys.argv
    asyncio.run(serve(host, int(port), path))
