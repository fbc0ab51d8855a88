"""Exec and attach as docker-py and Ansible do them: they read ahead for the head of the answer, by Python's http.client.

Prints one line for each call that lost or invented output, and at the end how many were made.
"""

import socket
import sys
import threading

import docker
from docker.utils.socket import demux_adaptor, frames_iter

url, name, count = 'unix://' + sys.argv[1], sys.argv[2], int(sys.argv[3])
made = 0
lock = threading.Lock()


def client():
    return docker.DockerClient(base_url=url, version='1.41', timeout=120)


def check(what, got, wanted):
    global made
    with lock:
        made += 1
        if got != wanted:
            print(f'{what}: {got!r} in place of {wanted!r}', flush=True)


def exec_run(container, number):
    check(f'exec_run {number}', tuple(container.exec_run(f'echo hi {number}')), (0, f'hi {number}\n'.encode()))


def exec_run_variants(container):
    check('tty', tuple(container.exec_run('echo hi', tty=True)), (0, b'hi\r\n'))
    command = ['sh', '-c', 'echo out; echo err >&2; exit 3']
    check('demux', tuple(container.exec_run(command, demux=True)), (3, (b'out\n', b'err\n')))
    check('stream', b''.join(container.exec_run('echo hi', stream=True).output), b'hi\n')
    check('no command', container.exec_run('no-such').exit_code, 127)


def by_plugin(api, container, number):
    """Ansible's docker_api connection: the connection itself, stdin by hand, half-closed, then the exit code."""
    created = api.exec_create(container.id, ['sh', '-c', 'cat; echo done >&2; exit 5'], stdin=True, stdout=True, stderr=True)
    opened = api.exec_start(created['Id'], socket=True)
    raw = getattr(opened, '_sock', opened)
    data = f'module {number}\n'.encode() * 1000
    raw.sendall(data)
    raw.shutdown(socket.SHUT_WR)
    out, err = b'', b''
    for frame in frames_iter(opened, tty=False):
        more_out, more_err = demux_adaptor(*frame)
        out += more_out or b''
        err += more_err or b''
    check(f'plugin {number}', (out, err), (data, b'done\n'))
    check(f'plugin {number}: code', api.exec_inspect(created['Id'])['ExitCode'], 5)


def attach(everything):
    container = everything.containers.create('busybox', 'echo out')
    try:
        container.start()
        container.wait()
        check('earlier output', container.attach(logs=True, stdout=True), b'out\n')
    finally:
        container.remove()


def work(first, last):
    everything = client()
    container = everything.containers.get(name)
    for number in range(first, last):
        exec_run(container, number)
    exec_run_variants(container)
    for number in range(first, first + 5):
        by_plugin(everything.api, container, number)
    attach(everything)


threads = [threading.Thread(target=work, args=(at * count // 4, (at + 1) * count // 4)) for at in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f'{made} calls')
