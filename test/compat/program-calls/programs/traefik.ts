import { ADDRESS, ID, NANOSECONDS, PORT, SECONDS, TEXT, VERSION, type Program, type Step } from '../table.ts';

const steps = (api: string): Step[] => [
  { call: `GET ${api}/version`, reads: { Version: VERSION, ApiVersion: VERSION } },
  {
    call: `GET ${api}/containers/json?all=1`,
    find: { 'Names 0': '/shop-web-1' },
    reads: { Id: ID },
    keep: { web: 'Id' },
  },
  {
    polls: {
      call: `GET ${api}/containers/{web}/json`,
      reads: {
        Id: '{web}',
        Name: '/shop-web-1',
        'State Status': 'running',
        'State Health Status': 'healthy',
        'HostConfig NetworkMode': 'shop',
        'Config Labels traefik.enable': 'true',
        'Config Labels traefik.http.routers.web.rule': 'Host(`shop.example.com`)',
        'NetworkSettings Ports 80/tcp 0 HostIp': '127.0.0.1',
        'NetworkSettings Ports 80/tcp 0 HostPort': PORT,
        'NetworkSettings Networks shop NetworkID': ID,
        'NetworkSettings Networks shop IPAddress': ADDRESS,
        'NetworkSettings Networks shop GlobalIPv6Address': '',
      },
    },
  },
  // One that does not run has its network by name, and no address.
  {
    call: `GET ${api}/containers/{shop_job_1}/json`,
    reads: {
      'State Status': 'exited',
      'State Health': undefined,
      'NetworkSettings Ports': {},
      'NetworkSettings Networks shop IPAddress': '',
    },
  },
  { call: `GET ${api}/events?filters={"type":{"container":true}}`, stays: 'events' },
  { call: `POST ${api}/containers/{unused}/start`, status: 204 },
  {
    from: 'events',
    object: {
      Type: 'container',
      Action: 'start',
      'Actor ID': '{unused}',
      'Actor Attributes name': 'unused',
      'Actor Attributes image': TEXT,
      scope: 'local',
      time: SECONDS,
      timeNano: NANOSECONDS,
    },
  },
  { call: `POST ${api}/containers/{web}/restart?t=1`, status: 204 },
  { from: 'events', object: { Action: 'die', 'Actor ID': '{web}', 'Actor Attributes exitCode': '0' } },
  { from: 'events', object: { Action: 'health_status: healthy', 'Actor ID': '{web}' } },
  { call: `POST ${api}/containers/{unused}/kill?signal=SIGKILL`, status: 204 },
  { from: 'events', object: { Action: 'die', 'Actor ID': '{unused}', 'Actor Attributes exitCode': '137' } },
  { closes: 'events' },
];

export const TRAEFIK: readonly Program[] = [
  {
    name: 'Traefik 3.6 and older',
    source: 'traefik/traefik, pkg/provider/docker/pdocker.go and shared.go',
    version: 'says 1.24 of itself and asks nobody',
    agent: 'Traefik 3.5.0',
    steps: steps('/v1.24'),
  },
  {
    name: 'Traefik of today',
    source: 'traefik/traefik, pkg/provider/docker/pdocker.go and shared.go',
    version: 'pings, and takes the lower of the two',
    agent: 'Traefik 3.7.0',
    steps: [{ call: 'HEAD /_ping', readsHeaders: { 'api-version': VERSION, ostype: 'linux' } }, ...steps('/v1.51')],
  },
];
