"""Builds through docker-py, as its own suite and Compose v1 do. Prints "built" if all came out as wanted."""

import io
import os
import sys
import tarfile

import docker

client = docker.DockerClient(base_url='unix://' + sys.argv[1], version='1.41', timeout=300)
context = sys.argv[2]


def write(name, text):
    with open(os.path.join(context, name), 'w') as file:
        file.write(text)


write('Dockerfile', 'FROM busybox\nARG WHO\nCOPY . /src/\nRUN echo $WHO >/who\nLABEL kept=yes\n')
write('.dockerignore', 'left-out\n')
write('left-out', 'x')
write('sent', 'y')
image, log = client.images.build(path=context, tag='of-docker-py:1', buildargs={'WHO': 'me'}, labels={'l': '1'}, rm=True)
assert image.tags == ['of-docker-py:1'], image.tags
assert image.labels == {'kept': 'yes', 'l': '1'}, image.labels
said = ''.join(line.get('stream', '') for line in log)
assert 'Step 5/6 : LABEL kept=yes' in said or 'Step 5/5 : LABEL kept=yes' in said, said
shown = client.containers.run(image, 'sh -c "cat /who; ls -A /src"', remove=True).decode().split()
assert 'me' in shown and 'sent' in shown and 'left-out' not in shown, shown

# The low level: a Dockerfile alone, lines as they come.
lines = list(client.api.build(fileobj=io.BytesIO(b'FROM busybox\nRUN echo hello\n'), tag='of-docker-py:2', decode=True))
assert any('hello' in line.get('stream', '') for line in lines), lines
assert any(line.get('aux', {}).get('ID', '').startswith('sha256:') for line in lines), lines

# A context of one's own, compressed, with limits for its steps.
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode='w:gz') as archive:
    for name, text in (('dir/Other', 'FROM busybox AS first\nRUN cat /proc/self/cgroup >/c\nRUN false\n'), ('x', '')):
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
packed.seek(0)
try:
    client.images.build(
        fileobj=packed, custom_context=True, encoding='gzip', dockerfile='dir/Other', nocache=True, forcerm=True,
        container_limits={'memory': 64 * 1024 * 1024}, shmsize=2 * 1024 * 1024, network_mode='none',
        extra_hosts={'there': '192.0.2.1'}, cache_from=['busybox'])
    raise AssertionError('a step that fails failed nothing')
except docker.errors.BuildError as error:
    assert 'returned a non-zero code: 1' in str(error), error

try:
    client.images.build(fileobj=io.BytesIO(b'FROM busybox\nNOSUCH x\n'))
    raise AssertionError('no instruction')
except (docker.errors.APIError, docker.errors.BuildError) as error:
    assert 'unknown instruction: NOSUCH' in str(error), error

pruned = client.api.prune_builds()
assert 'SpaceReclaimed' in pruned, pruned
print('built')
