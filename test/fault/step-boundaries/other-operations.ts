/** What is done to networks, ports, volumes and images. */
import assert from 'node:assert/strict';
import { answers, cleared, created, running } from './container-operations.ts';
import type { Reply } from './caller.ts';
import type { Operation, World } from './operation.ts';

const NET2 = {
  Name: 'net2',
  EnableIPv6: true,
  IPAM: { Config: [{ Subnet: '10.61.0.0/24' }, { Subnet: 'fd61::/64' }] },
};
const withNet2 = async (world: World): Promise<void> => {
  await running(world);
  await world.api.ok('POST', '/networks/create', NET2);
};
const PORTS = { PortBindings: { '80/tcp': [{ HostPort: '8081' }] } };

const NETWORK_OPERATIONS: readonly Operation[] = [
  {
    name: 'network create',
    prepare: async () => {},
    call: ({ api }) => api.call('POST', '/networks/create', NET2),
    repeated: [409],
    check: ({ engine }) =>
      assert.match(engine.ok('run', '--rm', '--network', 'net2', 'busybox', 'ip', 'address'), /10\.61\.0\.2/),
    clean: cleared,
  },
  {
    name: 'network rm',
    prepare: async ({ api }) => void (await api.ok('POST', '/networks/create', NET2)),
    call: ({ api }) => api.call('DELETE', '/networks/net2'),
    repeated: [404],
    clean: cleared,
  },
  {
    name: 'network connect',
    prepare: withNet2,
    call: ({ api }) => api.call('POST', '/networks/net2/connect', { Container: 'web' }),
    repeated: [403],
    check: ({ engine }) => assert.match(engine.ok('exec', 'web', 'ip', 'address'), /10\.61\.0\.2/),
    clean: cleared,
  },
  {
    name: 'network disconnect',
    prepare: withNet2,
    call: ({ api }) => api.call('POST', '/networks/net/disconnect', { Container: 'web' }),
    repeated: [403, 404, 500],
    check: ({ engine }) => assert.doesNotMatch(engine.ok('exec', 'web', 'ip', 'address'), /10\.60\.0\.2/),
    clean: cleared,
  },
  {
    name: 'port add',
    prepare: running,
    call: ({ api }) => api.call('POST', '/causeway/containers/web/ports', PORTS),
    repeated: [500], // in Docker's words: already allocated
    check: (world) => (answers(world), answers(world, 8081)),
    clean: cleared,
  },
  {
    name: 'port rm',
    prepare: async (world) => {
      await running(world);
      await world.api.ok('POST', '/causeway/containers/web/ports', PORTS);
    },
    call: ({ api }) => api.call('DELETE', '/causeway/containers/web/ports', PORTS),
    repeated: [404],
    check: answers,
    clean: cleared,
  },
];

const VOLUME_OPERATIONS: readonly Operation[] = [
  {
    name: 'volume create',
    prepare: async () => {},
    call: ({ api }) => api.call('POST', '/volumes/create', { Name: 'data' }),
    repeated: [],
    check: ({ engine }) => void engine.ok('run', '--rm', '-v', 'data:/d', 'busybox', 'touch', '/d/x'),
    clean: cleared,
  },
  {
    name: 'volume rm',
    prepare: async ({ api }) => void (await api.ok('POST', '/volumes/create', { Name: 'data' })),
    call: ({ api }) => api.call('DELETE', '/volumes/data'),
    repeated: [404],
    clean: cleared,
  },
];

/** The status of these is 200 before anything is done; an error comes in the stream. */
async function streamed(reply: Promise<Reply>): Promise<Reply> {
  const { status, body } = await reply;
  return { status: status === 200 && body.includes('"errorDetail"') ? 500 : status, body };
}

const runs =
  (image: string) =>
  ({ engine }: World) =>
    assert.equal(engine.ok('run', '--rm', image, '/bin/sh', '-c', 'echo works'), 'works');

const IMAGE_OPERATIONS: readonly Operation[] = [
  {
    name: 'pull',
    prepare: async () => {},
    call: ({ api, registryImage }) =>
      streamed(api.call('POST', `/images/create?fromImage=${encodeURIComponent(registryImage.slice(0, -2))}&tag=1`)),
    repeated: [],
    check: (world) => runs(world.registryImage)(world),
    clean: async ({ api, registryImage }) =>
      void (await api.call('DELETE', `/images/${encodeURIComponent(registryImage)}?force=1`)),
  },
  {
    name: 'load',
    prepare: async () => {},
    call: ({ api, archive }) => streamed(api.call('POST', '/images/load', archive)),
    repeated: [],
    check: runs('saved'),
    clean: async ({ api }) => void (await api.call('DELETE', '/images/saved?force=1')),
  },
  {
    name: 'import',
    prepare: async () => {},
    call: ({ api, tar }) => streamed(api.call('POST', '/images/create?fromSrc=-&repo=imported', tar)),
    beforeRepeat: ({ api }) => api.quietly('DELETE', '/images/imported'),
    repeated: [],
    check: async ({ api }) =>
      void (await api.ok('POST', '/containers/create?name=web', { Image: 'imported', Cmd: ['x'] })),
    clean: async (world) => {
      await cleared(world);
      await world.api.call('DELETE', '/images/imported?force=1');
    },
  },
  {
    name: 'commit',
    prepare: async (world) => {
      await created(world);
      await world.api.ok('PUT', '/containers/web/archive?path=/tmp', world.tar);
    },
    call: ({ api }) => api.call('POST', '/commit?container=web&repo=committed', {}),
    beforeRepeat: ({ api }) => api.quietly('DELETE', '/images/committed'),
    repeated: [],
    check: runs('committed'),
    clean: async (world) => {
      await cleared(world);
      await world.api.call('DELETE', '/images/committed?force=1');
    },
  },
  {
    name: 'image rm',
    prepare: async ({ api, archive }) => void (await api.ok('POST', '/images/load', archive)),
    call: ({ api }) => api.call('DELETE', '/images/saved'),
    repeated: [404],
    clean: async ({ api }) => void (await api.call('DELETE', '/images/saved?force=1')),
  },
];

export const OTHER_OPERATIONS: readonly Operation[] = [
  ...NETWORK_OPERATIONS,
  ...VOLUME_OPERATIONS,
  ...IMAGE_OPERATIONS,
];
