#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""server.py FILE LOG: a loopback HTTP server that misbehaves as the path says; prints its port. Each
request is logged as "METHOD PATH RANGE IF-RANGE HOST". It serves FILE under every path:

    /good           with ranges, an ETag, a length
    /plain          without ranges: always the whole file
    /cut            gives 40 % of what is asked, then closes (a range is honoured)
    /cut-plain      gives 40 %, knows no ranges
    /changed        an ETag of its own each time, so that If-Range never holds
    /short          states a length that is a half, and gives that
    /long           states the right length and sends 1000 bytes more
    /endless        no length, never ends
    /other          other bytes of the same length
    /stall          ten bytes, then silence
    /slow           the file in small pieces
    /busy           503 twice, then the file
    /missing        404 with a page
    /moved          redirects to /good
    /loop           redirects to itself
    /wrong-range    answers a range with another one
"""
import http.server
import pathlib
import sys
import threading
import time

content = pathlib.Path(sys.argv[1]).read_bytes()
log = open(sys.argv[2], "a", buffering=1)
busy = {"n": 0}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def give(self, status, body, headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def asked_range(self, etag):
        """First byte asked for; 0 when the whole file is right."""
        text = self.headers.get("Range", "")
        condition = self.headers.get("If-Range")
        if not text.startswith("bytes=") or (condition and condition != etag):
            return 0
        return int(text[6:].split("-")[0])

    def ranged(self, etag, share=1.0):
        begin = self.asked_range(etag)
        if begin >= len(content):
            self.give(416, b"", [("Content-Range", f"bytes */{len(content)}")], 0)
            return
        body = content[begin:]
        headers = [("ETag", etag), ("Accept-Ranges", "bytes")]
        if begin:
            headers.append(("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}"))
        self.give(206 if begin else 200, body[:max(1, int(len(body) * share))], headers, len(body))

    def do_GET(self):
        path = self.path.removeprefix("http://data.example").split("?")[0]  # as a proxy is asked
        kind = path.strip("/").split("/")[-1] if path.startswith("/in/") else path.split("/")[1]
        log.write(f"GET {self.path} {self.headers.get('Range')} {self.headers.get('If-Range')} "
                  f"{self.headers.get('Host')}\n")
        if kind == "good" or path.startswith("/in/"):
            self.ranged('"one"')
        elif kind == "plain":
            self.give(200, content, length=len(content))
        elif kind == "cut":
            self.ranged('"one"', 0.4)
        elif kind == "cut-plain":
            self.give(200, content[:len(content) * 2 // 5], length=len(content))
        elif kind == "changed":
            self.ranged(f'"{time.time_ns()}"')
        elif kind == "short":
            self.give(200, content[:len(content) // 2], length=len(content) // 2)
        elif kind == "long":
            self.give(200, content + b"x" * 1000, length=len(content))
        elif kind == "endless":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"y" * 65536)
            except OSError:
                pass
            self.close_connection = True
        elif kind == "other":
            self.give(200, b"z" * len(content), length=len(content))
        elif kind == "stall":
            self.give(200, content[:10], length=len(content))
            time.sleep(30)
        elif kind == "slow":
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for i in range(0, len(content), len(content) // 20 + 1):
                self.wfile.write(content[i:i + len(content) // 20 + 1])
                self.wfile.flush()
                time.sleep(0.05)
        elif kind == "busy":
            with lock:
                busy["n"] += 1
                n = busy["n"]
            if n <= 2:
                self.give(503, b"later", length=5)
            else:
                self.ranged('"one"')
        elif kind == "moved":
            self.give(302, b"", [("Location", "/good/file")], 0)
        elif kind == "loop":
            self.give(302, b"", [("Location", self.path)], 0)
        elif kind == "wrong-range" and self.asked_range('"one"'):
            self.give(206, content[1:], [("ETag", '"one"'), ("Content-Range",
                      f"bytes 1-{len(content) - 1}/{len(content)}")], len(content) - 1)
        elif kind == "wrong-range":
            self.ranged('"one"', 0.4)
        else:
            self.give(404, b"<html>there is no such page, but this one is here</html>", length=56)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
