/** The lives that containers have in the soak: each begins with nothing, and ends with nothing left. */
import type { Client } from './client.ts';

const PAGE = 'Welcome to nginx';
/** Says a line, and is a web server from then on; what is PID 1 ignores SIGTERM. */
const SERVER = ['sh', '-c', 'echo up and running; exec httpd -f -p 80 -h /www'];
/** Until the server of another container listens. */
const FETCH = 'for i in $(seq 300); do wget -q -O - http://$0/ && exit; sleep 0.1; done';

const server = (config: object = {}, host: object = {}): object => ({
  Image: 'nginx',
  Cmd: SERVER,
  ...config,
  HostConfig: { ...host },
});

type Ending = (client: Client, name: string) => Promise<unknown>;

const REMOVE = '?force=1&v=1';

/** Ways in which a running container ends; it is gone afterwards. */
const ENDINGS: readonly Ending[] = [
  async (client, name) => {
    await client.call('POST', `/containers/${name}/stop?t=0`);
    await client.call('DELETE', `/containers/${name}?v=1`);
  },
  async (client, name) => {
    await client.call('POST', `/containers/${name}/kill`);
    await client.call('DELETE', `/containers/${name}${REMOVE}`);
  },
  (client, name) => client.call('DELETE', `/containers/${name}${REMOVE}`),
  async (client, name) => {
    await client.call('POST', `/containers/${name}/restart?t=0`);
    await client.call('DELETE', `/containers/${name}${REMOVE}`);
  },
  async (client, name) => {
    await client.call('POST', `/containers/${name}/pause`);
    await client.call('DELETE', `/containers/${name}${REMOVE}`);
  },
  async (client, name) => {
    await Promise.all(
      [1, 2].map(() => client.call('DELETE', `/containers/${name}${REMOVE}`, undefined, [204, 404, 409])),
    );
    await client.call('DELETE', `/containers/${name}${REMOVE}`, undefined, [204, 404, 409]);
  },
  async (client, name) => {
    const ended = client.call('POST', `/containers/${name}/wait`);
    const { State } = await client.inspect(name);
    if (State.Pid > 1) process.kill(State.Pid, 'SIGKILL'); // by somebody on the host
    else client.wrong(`${name} runs as process ${State.Pid}`);
    await ended;
    await client.call('DELETE', `/containers/${name}${REMOVE}`);
  },
];

const end = (client: Client, name: string): Promise<unknown> => client.random.pick(ENDINGS)(client, name);

/** A name that is found by an alias, on a network of its own. */
async function aliased(client: Client, name: string): Promise<void> {
  await client.call('POST', '/networks/create', { Name: `${name}-net` }, [201]);
  const on = (aliases: readonly string[]): object => ({ EndpointsConfig: { [`${name}-net`]: { Aliases: aliases } } });
  const host = { NetworkMode: `${name}-net` };
  await client.create(`${name}-a`, { ...server({}, host), NetworkingConfig: on([`${name}-alias`, 'db']) });
  await client.create(`${name}-b`, { ...server({}, host), NetworkingConfig: on([]) });
  await Promise.all(['a', 'b'].map((each) => client.call('POST', `/containers/${name}-${each}/start`)));
  const found = await client.exec(`${name}-b`, 'sh', '-c', FETCH, `${name}-alias`);
  if (!found.includes(PAGE)) client.wrong(`${name}-b found at ${name}-alias: ${found}`);
  for (const each of ['a', 'b']) await end(client, `${name}-${each}`);
  await client.call('DELETE', `/networks/${name}-net`);
}

/** A link on the default bridge, and what a restart of the source does to it. */
async function linked(client: Client, name: string): Promise<void> {
  await client.create(`${name}-source`, server({ ExposedPorts: { '80/tcp': {} } }));
  await client.call('POST', `/containers/${name}-source/start`);
  await client.create(`${name}-target`, server({}, { Links: [`${name}-source:db`] }));
  await client.call('POST', `/containers/${name}-target/start`);
  if (client.random.once(3)) await client.call('POST', `/containers/${name}-source/restart?t=0`);
  const seen = await client.exec(`${name}-target`, 'sh', '-c', `echo $DB_PORT_80_TCP_PORT; ${FETCH}`, 'db');
  if (!seen.includes('80\n') || !seen.includes(PAGE)) client.wrong(`${name}-target sees of its link: ${seen}`);
  for (const each of client.random.once(2) ? ['source', 'target'] : ['target', 'source'])
    await end(client, `${name}-${each}`);
}

/** A published port, output and state as they are asked for. */
async function published(client: Client, name: string): Promise<void> {
  await client.create(name, {
    ...server({ ExposedPorts: { '80/tcp': {} } }, { PublishAllPorts: true, Binds: [`${name}-volume:/data`] }),
  });
  await client.call('POST', `/containers/${name}/start`);
  const { State, NetworkSettings } = await client.inspect(name);
  if (State.Status !== 'running') client.wrong(`${name} is ${State.Status}`);
  const page = await client.page(NetworkSettings.Ports['80/tcp']?.[0]?.HostPort ?? '');
  if (!page.includes(PAGE)) client.wrong(`${name}'s port gives: ${page}`);
  const logs = await client.call('GET', `/containers/${name}/logs?stdout=1&stderr=1&timestamps=1`);
  if (!logs.includes('up and running\n')) client.wrong(`${name} has said: ${logs}`);
  const said = await client.exec(name, 'sh', '-c', 'echo hello; echo oops >&2; exit 3');
  if (!said.includes('hello\n') || !said.includes('oops\n')) client.wrong(`an exec in ${name} printed: ${said}`);
  await end(client, name);
  await client.call('DELETE', `/volumes/${name}-volume?force=1`);
}

/** Told to start and to end at the same time: each order is carried out, or refused in words. */
async function hasty(client: Client, name: string): Promise<void> {
  await client.create(name, server({ Tty: true }, { PublishAllPorts: true, AutoRemove: client.random.once(3) }));
  const { random } = client;
  const orders = [
    () => client.call('POST', `/containers/${name}/start`, undefined, [204, 304, 404, 409]),
    () => client.call('POST', `/containers/${name}/kill`, undefined, [204, 404, 409]),
    () => client.call('POST', `/containers/${name}/stop?t=0`, undefined, [204, 304, 404, 409]),
    () => client.call('POST', `/containers/${name}/restart?t=0`, undefined, [204, 404, 409]),
    () => client.call('POST', `/networks/calm/connect`, { Container: name }, [200, 403, 404, 409]),
  ];
  await Promise.all([orders[0]!(), ...Array.from({ length: 2 }, () => random.pick(orders)())]);
  await client.call('DELETE', `/containers/${name}${REMOVE}`, undefined, [204, 404, 409]);
  await client.call('DELETE', `/containers/${name}${REMOVE}`, undefined, [204, 404, 409]);
}

/** Readers that are cut off, files, other networks and names. */
async function busy(client: Client, name: string): Promise<void> {
  const { random } = client;
  await client.create(name, server({ Tty: random.once(2) }, { Binds: [`${name}-volume:/data`] }));
  await client.call('POST', `/containers/${name}/start`);
  const steps = [
    () => client.call('GET', `/containers/${name}/archive?path=/etc`),
    () => client.cutOff(`/containers/${name}/logs?follow=1&stdout=1`),
    () => client.cutOff(`/containers/${name}/stats`),
    () => client.cutOff(`/events?since=0`),
    async () => {
      await client.call('POST', '/networks/calm/connect', { Container: name }, [200, 403]);
      if (random.once(2)) await client.call('POST', '/networks/calm/disconnect', { Container: name });
    },
    async () => {
      await client.call('POST', `/containers/${name}/rename?name=${name}-other`);
      await client.call('POST', `/containers/${name}-other/rename?name=${name}`);
    },
    () => client.call('GET', '/containers/json?all=1&size=1'),
    () => client.call('GET', `/containers/${name}/top`),
  ];
  for (let step = 0; step < 4; step++) await random.pick(steps)();
  await end(client, name);
  await client.call('DELETE', `/volumes/${name}-volume?force=1`);
}

const LIVES = [aliased, linked, published, published, hasty, busy] as const;

export const live = (client: Client, name: string): Promise<void> => client.random.pick(LIVES)(client, name);
