#!/usr/bin/env python3
"""A small web application: answers with what it finds in the database that it is linked to.

It finds the database as linked applications always did: by DB_PORT_5432_TCP_ADDR; or, on a network of its own, by the name `db`.
"""
import html
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

HOST = os.environ.get("DB_PORT_5432_TCP_ADDR", "db")
PORT = int(os.environ.get("DB_PORT_5432_TCP_PORT", "5432"))


def query():
    connection = psycopg2.connect(host=HOST, port=PORT, user="postgres", dbname="postgres", connect_timeout=5)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), inet_server_addr(), count(*) FROM pg_database")
            return cursor.fetchone()
    finally:
        connection.close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            version, address, databases = query()
            status, text = 200, f"PostgreSQL {version} at {address} says: {databases} databases"
        except Exception as error:  # whatever it is, the visitor shall read it
            status, text = 502, f"cannot ask the database at {HOST}:{PORT}: {error}"
        body = f"<h1>Hello world!</h1>\n<p>{html.escape(text.strip())}</p>\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(self.address_string(), format % args, flush=True)


ThreadingHTTPServer(("0.0.0.0", 5000), Handler).serve_forever()
