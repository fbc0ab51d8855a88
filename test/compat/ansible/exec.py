"""Ansible's docker_container_exec, many times: its own code, without ansible-playbook's start each time.

Prints a line for each call whose output was not what the command printed, and at the end how many were made.
"""

import contextlib
import io
import json
import sys

from ansible.module_utils import basic
from ansible_collections.community.docker.plugins.modules import docker_container_exec

container, count = sys.argv[1], int(sys.argv[2])


@contextlib.contextmanager
def arguments(given):
    try:
        from ansible.module_utils.testing import patch_module_args  # since ansible-core 2.19
    except ImportError:
        basic._ANSIBLE_ARGS = json.dumps({'ANSIBLE_MODULE_ARGS': given}).encode()
        yield
    else:
        with patch_module_args(given):
            yield


def played(given):
    output = io.StringIO()
    with arguments(given), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        docker_container_exec.main()
    return json.loads(output.getvalue())


for number in range(count):
    argv = ['sh', '-c', f'echo out {number}; echo err {number} >&2; exit {number % 3}']
    wanted = (f'out {number}', f'err {number}', number % 3)
    result = played({'container': container, 'argv': argv})
    got = tuple(result.get(name) for name in ('stdout', 'stderr', 'rc'))
    if got != wanted:
        print(f'{number}: {result}')
    quick = played({'container': container, 'command': f'echo {number}'})
    if quick.get('stdout') != str(number):
        print(f'{number}, only echo: {quick}')
print(f'{2 * count} calls')
