/** What is done to containers. */
import assert from 'node:assert/strict';
import { until } from '../../harness/test-engine.ts';
import type { Reply } from './caller.ts';
import type { Operation, World } from './operation.ts';

const FOREVER = "trap 'exit 7' TERM; httpd -p 80 -h /www; while :; do sleep 0.05; done";

/** On a network, with a published port, a named and an anonymous volume. */
const web = (more: object = {}): object => ({
  Image: 'nginx',
  Cmd: ['sh', '-c', FOREVER],
  Volumes: { '/anonymous': {} },
  HostConfig: {
    NetworkMode: 'net',
    PortBindings: { '80/tcp': [{ HostPort: '8080' }] },
    Binds: ['data:/data'],
    ...more,
  },
});

export async function created({ api }: World, more: object = {}): Promise<void> {
  await api.ok('POST', '/networks/create', {
    Name: 'net',
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: '10.60.0.0/24' }, { Subnet: 'fd60::/64' }] },
  });
  await api.ok('POST', '/containers/create?name=web', web(more));
}

export async function running(world: World, more: object = {}): Promise<void> {
  await created(world, more);
  await world.api.ok('POST', '/containers/web/start');
}

export async function cleared({ api }: World): Promise<void> {
  for (const name of ['web', 'source', 'renamed']) await api.quietly('DELETE', `/containers/${name}?force=1&v=1`);
  for (const name of ['net', 'net2']) await api.quietly('DELETE', `/networks/${name}`);
  await api.quietly('DELETE', '/volumes/data');
}

export function answers({ engine }: World, port = 8080): void {
  assert.match(
    engine.host.run(
      'curl',
      '-s',
      '--retry',
      '20',
      '--retry-delay',
      '0',
      '--retry-all-errors',
      '--max-time',
      '5',
      `http://127.0.0.1:${port}/`,
    ).out,
    /Welcome/,
    `port ${port} answers`,
  );
}

/**
 * Ends the daemon without a word and starts the next one; `meanwhile` is what happens while there is none. One that
 * ends with a sentence has refused, as a call is refused: the containers go on, and the next start, without the fault,
 * does it all.
 */
async function nextDaemon({ engine }: World, meanwhile: () => void = () => {}): Promise<Reply> {
  await engine.stop('SIGKILL');
  meanwhile();
  const said = engine.log.length;
  try {
    await engine.boot();
    return { status: 200, body: '' };
  } catch (error) {
    const message = /^causeway: (.*)\n$/m.exec(engine.log.slice(said))?.[1];
    return message !== undefined && (await engine.died(5_000))
      ? { status: 503, body: JSON.stringify({ message }) }
      : { status: 0, body: (error as Error).message };
  }
}

const pidOf = async ({ api }: World): Promise<number> =>
  ((await api.json('GET', '/containers/web/json')) as { State: { Pid: number } }).State.Pid;
const statusOf = async ({ api }: World): Promise<string> =>
  ((await api.json('GET', '/containers/web/json')) as { State: { Status: string } }).State.Status;
const exited = (world: World): Promise<void> =>
  until('web has ended', async () => (await statusOf(world)) === 'exited');

export const CONTAINER_OPERATIONS: readonly Operation[] = [
  {
    name: 'create',
    prepare: async ({ api }) => void (await api.ok('POST', '/networks/create', { Name: 'net' })),
    call: ({ api }) => api.call('POST', '/containers/create?name=web', web()),
    repeated: [409],
    check: async (world) => {
      await world.api.ok('POST', '/containers/web/start');
      answers(world);
    },
    clean: cleared,
  },
  {
    name: 'start',
    prepare: created,
    call: ({ api }) => api.call('POST', '/containers/web/start'),
    repeated: [304],
    // Stored as running before it runs, so that none runs unknown: cut off in between it has ended.
    between: [
      async (world) => {
        await world.api.ok('POST', '/containers/web/start');
        await world.api.ok('POST', '/containers/web/stop?t=0');
      },
    ],
    check: answers,
    clean: cleared,
  },
  {
    name: 'stop',
    prepare: running,
    call: ({ api }) => api.call('POST', '/containers/web/stop?t=5'),
    repeated: [304],
    check: async (world) => {
      await world.api.ok('POST', '/containers/web/start');
      answers(world);
    },
    clean: cleared,
  },
  {
    name: 'kill',
    prepare: running,
    call: ({ api }) => api.call('POST', '/containers/web/kill'),
    settled: exited,
    repeated: [409],
    check: async (world) => {
      await exited(world);
      await world.api.ok('POST', '/containers/web/start');
      answers(world);
    },
    clean: cleared,
  },
  {
    name: 'restart',
    prepare: running,
    call: ({ api }) => api.call('POST', '/containers/web/restart?t=5'),
    repeated: [],
    between: [({ api }) => api.ok('POST', '/containers/web/stop')],
    check: answers,
    clean: cleared,
  },
  {
    name: 'end of a container with --rm',
    prepare: (world) => running(world, { AutoRemove: true }),
    call: ({ api }) => api.call('POST', '/containers/web/kill?signal=TERM'),
    settled: ({ api }) =>
      until('web is gone', async () => (await api.call('GET', '/containers/web/json')).status === 404),
    repeated: [404],
    check: ({ api }) =>
      until('web is gone', async () => (await api.call('GET', '/containers/web/json')).status === 404),
    clean: cleared,
  },
  {
    name: 'rm',
    prepare: created,
    call: ({ api }) => api.call('DELETE', '/containers/web?v=1'),
    repeated: [404],
    clean: cleared,
  },
  {
    name: 'rm of a running container',
    prepare: running,
    call: ({ api }) => api.call('DELETE', '/containers/web?v=1&force=1'),
    repeated: [404],
    between: [({ api }) => api.ok('POST', '/containers/web/stop?t=0')],
    clean: cleared,
  },
  {
    name: "rename of a link's source",
    prepare: async ({ api }) => {
      await api.ok('POST', '/containers/create?name=source', { Image: 'busybox', Cmd: ['sleep', '1000'] });
      await api.ok('POST', '/containers/source/start');
      await api.ok('POST', '/containers/create?name=web', {
        Image: 'busybox',
        Cmd: ['sleep', '1000'],
        HostConfig: { Links: ['source:base'] },
      });
      await api.ok('POST', '/containers/web/start');
    },
    call: ({ api }) => api.call('POST', '/containers/source/rename?name=renamed'),
    repeated: [404],
    // A file that could not be written just then is written a moment later.
    check: ({ engine }) =>
      until('the hosts file follows', () =>
        /\sbase [0-9a-f]{12} renamed\n/.test(engine.ok('exec', 'web', 'cat', '/etc/hosts')),
      ),
    clean: cleared,
  },
  {
    name: 'exec',
    prepare: running,
    call: async ({ api }) => {
      const exec = await api.call('POST', '/containers/web/exec', {
        Cmd: ['sh', '-c', 'sleep 0.1; echo done'],
        AttachStdout: true,
      });
      return exec.status === 201
        ? api.call('POST', `/exec/${(JSON.parse(exec.body) as { Id: string }).Id}/start`, { Detach: false, Tty: false })
        : exec;
    },
    repeated: [],
    check: ({ engine }) => assert.equal(engine.ok('exec', 'web', 'echo', 'here'), 'here'),
    clean: cleared,
  },
  {
    name: 'cp into a container',
    prepare: created,
    call: ({ api, tar }) => api.call('PUT', '/containers/web/archive?path=/tmp', tar),
    repeated: [],
    check: async ({ api }) => void (await api.ok('GET', '/containers/web/archive?path=/tmp/file')),
    clean: cleared,
  },
  {
    name: 'cp into a running container',
    prepare: running,
    call: ({ api, tar }) => api.call('PUT', '/containers/web/archive?path=/data', tar),
    repeated: [],
    // A file that could not be written whole stays, as with tar and in Docker: what was there before it is gone anyhow,
    // and the container may have it open.
    between: [async ({ engine }) => engine.ok('exec', 'web', 'touch', '/data/file')],
    check: ({ engine }) => assert.equal(engine.ok('exec', 'web', 'cat', '/data/file'), 'content'),
    clean: cleared,
  },
  {
    name: 'start of the daemon',
    prepare: running,
    call: (world) => nextDaemon(world),
    repeated: [],
    check: answers,
    clean: cleared,
  },
  {
    name: "start of the daemon after a container's end",
    prepare: (world) => running(world, { RestartPolicy: { Name: 'always' } }),
    call: async (world) => {
      // Where the start before was refused nobody can be asked, and it has ended.
      const pid = (await world.engine.answers()) ? await pidOf(world) : undefined;
      return nextDaemon(world, () => void (pid && process.kill(pid, 'SIGKILL')));
    },
    settled: (world) => until('web runs again', async () => (await statusOf(world)) === 'running'),
    goesOn: true,
    repeated: [],
    check: answers,
    clean: cleared,
  },
];
