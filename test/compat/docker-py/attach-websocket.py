"""Attaches over a websocket, with the library that docker-py uses for that, and talks to `cat`."""

import socket
import sys

import websocket

path, container = sys.argv[1:]
raw = socket.socket(socket.AF_UNIX)
raw.connect(path)
url = f'ws://docker/v1.51/containers/{container}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1'
attached = websocket.create_connection(url, socket=raw, timeout=60)
attached.ping('there?')
attached.send('x' * 100_000 + '\n')
output = b''
while not output.endswith(b'\n'):
    opcode, data = attached.recv_data()
    assert opcode == websocket.ABNF.OPCODE_BINARY, opcode
    output += data
print(len(output))
attached.close()
