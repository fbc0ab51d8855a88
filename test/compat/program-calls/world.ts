/** What there is in an engine before a program comes: the same in each, made over the API. */
import { callApi } from '../../harness/call-api.ts';

const SERVER = 'trap "exit 0" TERM; httpd -f -p 80 -h /www & echo ready; echo warned >&2; wait';

const CONTAINERS: Readonly<Record<string, { config: object; start: boolean }>> = {
  'shop-web-1': {
    start: true,
    config: {
      Image: 'nginx',
      Cmd: ['sh', '-c', SERVER],
      Env: ['VIRTUAL_HOST=shop.example.com', 'PATH=/bin'],
      Labels: {
        'com.docker.compose.project': 'shop',
        'com.docker.compose.service': 'web',
        'traefik.enable': 'true',
        'traefik.http.routers.web.rule': 'Host(`shop.example.com`)',
      },
      Healthcheck: { Test: ['CMD-SHELL', 'wget -q -O - http://127.0.0.1/'], Interval: 500_000_000 },
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        NetworkMode: 'shop',
        PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
        Binds: ['shop-data:/data'],
        RestartPolicy: { Name: 'unless-stopped' },
        Memory: 268435456,
        NanoCpus: 500000000,
      },
      NetworkingConfig: { EndpointsConfig: { shop: { Aliases: ['web'] } } },
    },
  },
  'shop-job-1': {
    start: true,
    config: {
      Image: 'busybox',
      Cmd: ['sh', '-c', 'echo done; echo failed >&2; exit 3'],
      Labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'job' },
      HostConfig: { NetworkMode: 'shop' },
    },
  },
  console: { start: true, config: { Image: 'busybox', Cmd: ['sh'], Tty: true, OpenStdin: true } },
  unused: { start: false, config: { Image: 'training/postgres' } },
};

export async function makeWorld(socketPath: string): Promise<Record<string, unknown>> {
  const ids: Record<string, unknown> = {};
  const call = async (method: string, path: string, body?: object): Promise<string> => {
    const { status, text } = await callApi(socketPath, method, `/v1.47${path}`, body, 120_000);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text;
  };
  await call('POST', '/networks/create', {
    Name: 'shop',
    EnableIPv6: false,
    Labels: { 'com.docker.compose.project': 'shop' },
  });
  for (const [name, { config, start }] of Object.entries(CONTAINERS)) {
    const { Id } = JSON.parse(await call('POST', `/containers/create?name=${name}`, config)) as { Id: string };
    ids[name.replaceAll('-', '_')] = Id;
    if (start) await call('POST', `/containers/${Id}/start`);
  }
  await call('POST', `/containers/shop-job-1/wait`);
  return ids;
}
