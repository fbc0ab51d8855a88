/**
 * What is done to an engine while its events are listened to: one request, or a few that belong together, an operation.
 * Every operation waits for what it starts, so that an engine's events of it come before those of the next one.
 */
import type { Api } from './api.ts';

export interface Operation {
  readonly name: string;
  run(api: Api): Promise<unknown>;
}

const SLEEP = ['sleep', '100000'];
const HOUR_NS = 3_600_000_000_000;

/** What operations hand on to later ones. */
const kept: { archive: Buffer; exec: string } = { archive: Buffer.alloc(0), exec: '' };

const create = (name: string, body: object) => (api: Api) =>
  api.json('POST', `/containers/create?name=${name}`, { Image: 'events/box:1', StopTimeout: 1, ...body });
const start = (name: string) => (api: Api) => api.json('POST', `/containers/${name}/start`);
const untilExit = (name: string, request: (api: Api) => Promise<unknown>) => async (api: Api) => {
  const exited = api.json('POST', `/containers/${name}/wait?condition=next-exit`);
  await request(api);
  await exited;
};

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'import',
    run: (api) => api.send('POST', '/images/create?fromSrc=-&repo=events/box&tag=1', api.rootfs(), 'application/x-tar'),
  },
  { name: 'tag', run: (api) => api.json('POST', '/images/events/box:1/tag?repo=zz&tag=8') },
  {
    name: 'save',
    run: async (api) => (kept.archive = await api.send('GET', '/images/events/box:1/get')),
  },
  { name: 'save two', run: (api) => api.send('GET', '/images/get?names=zz:8&names=events/box:1') },
  { name: 'untag', run: (api) => api.json('DELETE', '/images/zz:8') },
  { name: 'load', run: (api) => api.send('POST', '/images/load', kept.archive, 'application/x-tar') },
  { name: 'tag again', run: (api) => api.json('POST', '/images/events/box:1/tag?repo=zz&tag=8') },
  {
    name: 'volume create',
    run: (api) => api.json('POST', '/volumes/create', { Name: 'data', Labels: { of: 'test' } }),
  },
  { name: 'volume create again', run: (api) => api.json('POST', '/volumes/create', { Name: 'data' }) },
  {
    name: 'network create',
    run: (api) => api.json('POST', '/networks/create', { Name: 'net', Labels: { of: 'test' } }),
  },
  {
    name: 'create',
    run: create('web', {
      Image: 'zz:8',
      Cmd: SLEEP,
      Labels: { tier: 'front' },
      HostConfig: { Binds: ['data:/data', 'data:/more:ro', '/tmp:/host'], NetworkMode: 'net' },
    }),
  },
  { name: 'start', run: start('web') },
  {
    name: 'exec create',
    run: async (api) => {
      const made = await api.json('POST', '/containers/web/exec', { Cmd: ['sh', '-c', 'exit 3'], AttachStdout: true });
      kept.exec = (made as { Id: string }).Id;
    },
  },
  { name: 'exec start', run: (api) => api.send('POST', `/exec/${kept.exec}/start`, '{"Detach":false}') },
  {
    name: 'exec of what is not there',
    run: async (api) => {
      const made = await api.json('POST', '/containers/web/exec', { Cmd: ['/nosuch'], AttachStdout: true });
      await api.send('POST', `/exec/${(made as { Id: string }).Id}/start`, '{"Detach":false}');
    },
  },
  { name: 'top', run: (api) => api.json('GET', '/containers/web/top') },
  { name: 'archive out', run: (api) => api.send('GET', '/containers/web/archive?path=/etc') },
  { name: 'archive stat', run: (api) => api.send('HEAD', '/containers/web/archive?path=/etc') },
  {
    name: 'archive in',
    run: (api) => api.send('PUT', '/containers/web/archive?path=/tmp', api.rootfs(), 'application/x-tar'),
  },
  { name: 'rename', run: (api) => api.json('POST', '/containers/web/rename?name=front') },
  { name: 'resize', run: (api) => api.json('POST', '/containers/front/resize?h=10&w=20') },
  { name: 'update', run: (api) => api.json('POST', '/containers/front/update', { PidsLimit: 100 }) },
  { name: 'pause', run: (api) => api.json('POST', '/containers/front/pause') },
  { name: 'unpause', run: (api) => api.json('POST', '/containers/front/unpause') },
  { name: 'connect', run: (api) => api.json('POST', '/networks/bridge/connect', { Container: 'front' }) },
  { name: 'disconnect', run: (api) => api.json('POST', '/networks/bridge/disconnect', { Container: 'front' }) },
  { name: 'logs', run: (api) => api.send('GET', '/containers/front/logs?stdout=1') },
  { name: 'stats', run: (api) => api.send('GET', '/containers/front/stats?stream=0&one-shot=1') },
  { name: 'signal', run: (api) => api.json('POST', '/containers/front/kill?signal=USR1') },
  { name: 'restart', run: (api) => api.json('POST', '/containers/front/restart?t=0') },
  { name: 'stop', run: (api) => api.json('POST', '/containers/front/stop?t=0') },
  { name: 'stop again', run: (api) => api.json('POST', '/containers/front/stop?t=0') },
  { name: 'archive out of a stopped one', run: (api) => api.send('GET', '/containers/front/archive?path=/etc') },
  { name: 'restart of a stopped one', run: (api) => api.json('POST', '/containers/front/restart?t=0') },
  { name: 'kill', run: untilExit('front', (api) => api.json('POST', '/containers/front/kill')) },
  {
    name: 'commit',
    run: (api) => api.json('POST', '/commit?container=front&repo=events/made&tag=2&comment=kept', {}),
  },
  { name: 'commit without a name', run: (api) => api.json('POST', '/commit?container=front', {}) },
  { name: 'export', run: (api) => api.send('GET', '/containers/front/export') },
  { name: 'image in use', run: (api) => api.json('DELETE', '/images/events/box:1') },
  { name: 'tag once more', run: (api) => api.json('POST', '/images/zz:8/tag?repo=events/box&tag=1') },
  { name: 'remove', run: (api) => api.json('DELETE', '/containers/front') },
  {
    name: 'attach',
    run: async (api) => {
      await create('talks', { Cmd: ['true'], Volumes: { '/anonymous': {} } })(api);
      await api.send('POST', '/containers/talks/attach?stdout=1&logs=1');
    },
  },
  { name: 'run to its end', run: untilExit('talks', start('talks')) },
  { name: 'remove with volumes', run: (api) => api.json('DELETE', '/containers/talks?v=1') },
  {
    name: 'run with --rm',
    run: async (api) => {
      await create('gone', { Cmd: ['sh', '-c', 'exit 7'], HostConfig: { AutoRemove: true } })(api);
      const removed = api.json('POST', '/containers/gone/wait?condition=removed');
      await start('gone')(api);
      await removed;
    },
  },
  {
    name: 'start of what is not there',
    run: async (api) => {
      await create('broken', { Cmd: ['/nosuch'], HostConfig: { Binds: ['data:/data'] } })(api);
      await start('broken')(api);
    },
  },
  {
    name: 'restart policy',
    run: async (api) => {
      const policy = { Name: 'on-failure', MaximumRetryCount: 2 };
      await create('fails', { Cmd: ['false'], HostConfig: { RestartPolicy: policy, NetworkMode: 'none' } })(api);
      await start('fails')(api);
      await api.until('/containers/fails/json', /"RestartCount":2.*/, /"Status":"exited"/);
    },
  },
  {
    name: 'health',
    run: async (api) => {
      const times = { Interval: HOUR_NS, StartPeriod: HOUR_NS, StartInterval: 200_000_000 };
      await create('well', { Cmd: SLEEP, Healthcheck: { Test: ['CMD', 'true'], ...times } })(api);
      await start('well')(api);
      await api.until('/containers/well/json', /"Status":"healthy"/);
    },
  },
  { name: 'remove by force', run: (api) => api.json('DELETE', '/containers/well?force=1') },
  {
    name: 'ill health',
    run: async (api) => {
      const times = { Interval: 200_000_000, Retries: 1 };
      // Its second probe never ends.
      const probe = 'test -e /once && sleep 1000; touch /once; exit 1';
      await create('ill', { Cmd: SLEEP, Healthcheck: { Test: ['CMD-SHELL', probe], Timeout: HOUR_NS, ...times } })(api);
      await start('ill')(api);
      await api.until('/containers/ill/json', /"Status":"unhealthy"/);
    },
  },
  {
    name: 'memory runs out',
    run: async (api) => {
      const limits = { Memory: 16 * 2 ** 20, MemorySwap: 16 * 2 ** 20, NetworkMode: 'none' };
      await create('eats', { Cmd: ['tail', '/dev/zero'], HostConfig: limits })(api);
      await untilExit('eats', start('eats'))(api);
    },
  },
  {
    name: 'stop of a paused one',
    run: async (api) => {
      await create('frozen', { Cmd: SLEEP, HostConfig: { NetworkMode: 'none' } })(api);
      await start('frozen')(api);
      await api.json('POST', '/containers/frozen/pause');
      await api.json('DELETE', '/containers/frozen?force=1');
    },
  },
  { name: 'container prune', run: (api) => api.json('POST', '/containers/prune?filters={"label":["nosuch"]}') },
  { name: 'network remove', run: (api) => api.json('DELETE', '/networks/net') },
  { name: 'anonymous volume', run: (api) => api.json('POST', '/volumes/create', {}) },
  { name: 'volume prune', run: (api) => api.json('POST', '/volumes/prune') },
  { name: 'network create to prune', run: (api) => api.json('POST', '/networks/create', { Name: 'unused' }) },
  { name: 'network prune', run: (api) => api.json('POST', '/networks/prune') },
  { name: 'image prune', run: (api) => api.json('POST', '/images/prune') },
  { name: 'image remove', run: (api) => api.json('DELETE', '/images/events/made:2') },
  {
    name: 'clean up',
    run: async (api) => {
      for (const name of ['ill', 'eats', 'broken', 'fails']) await api.json('DELETE', `/containers/${name}?force=1`);
    },
  },
  { name: 'volume remove', run: (api) => api.json('DELETE', '/volumes/data') },
  {
    name: 'image remove by id, with all of its tags',
    run: async (api) => {
      const { Id } = (await api.json('GET', '/images/events/box:1/json')) as { Id: string };
      await api.json('DELETE', `/images/${Id}`);
      await api.json('DELETE', `/images/${Id}?force=1`);
    },
  },
];
