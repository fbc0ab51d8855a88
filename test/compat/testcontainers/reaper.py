"""What Testcontainers' Ryuk does, for tests without its image: it listens, is told labels, and removes what has them
when nobody who told it is connected any more. It asks the engine by the socket that is mounted into its container.
"""

import http.client
import json
import selectors
import socket
import urllib.parse


class Engine(http.client.HTTPConnection):
    def __init__(self):
        super().__init__('engine', timeout=600)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect('/var/run/docker.sock')


def ask(method, path, **query):
    engine = Engine()
    engine.request(method, f'/v1.44{path}?{urllib.parse.urlencode(query)}')
    answer = engine.getresponse()
    body = answer.read()
    print(method, path, answer.status, flush=True)
    return json.loads(body) if answer.status == 200 else None


def reap(label):
    filters = json.dumps({'label': [label]})
    for container in ask('GET', '/containers/json', all=1, filters=filters) or []:
        if not container['Id'].startswith(socket.gethostname()):
            ask('DELETE', f"/containers/{container['Id']}", force=1, v=1)
    ask('POST', '/networks/prune', filters=filters)
    ask('POST', '/volumes/prune', filters=json.dumps({'label': [label], 'all': ['true']}))


server = socket.create_server(('', 8080))
selector = selectors.DefaultSelector()
selector.register(server, selectors.EVENT_READ)
labels, clients = set(), {}
print('Started', flush=True)
while clients or not labels:
    for key, _ in selector.select():
        if key.fileobj is server:
            client, _ = server.accept()
            clients[client] = b''
            selector.register(client, selectors.EVENT_READ)
            continue
        data = key.fileobj.recv(4096)
        if not data:
            selector.unregister(key.fileobj)
            del clients[key.fileobj]
            continue
        *lines, clients[key.fileobj] = (clients[key.fileobj] + data).split(b'\n')
        for line in lines:
            labels.add(urllib.parse.parse_qs(line.decode().strip())['label'][0])
            key.fileobj.sendall(b'ACK\n')
for each in labels:
    reap(each)
