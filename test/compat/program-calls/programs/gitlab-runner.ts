import { ADDRESS, ID, IMAGE_ID, LIST, OBJECT, TEXT, VERSION, type Program, type Step } from '../table.ts';
import { goConfig, goEndpoint, goHostConfig } from './go-bodies.ts';

const LABELS = { 'com.gitlab.gitlab-runner.job.id': '7', 'com.gitlab.gitlab-runner.managed': 'true' };

/** Whatever has the name is taken off its networks and removed, though nothing has. */
const removes = (api: string, name: string, status: number): Step[] => [
  { call: `GET ${api}/networks`, find: { Name: 'runner-net' }, reads: { Id: ID } },
  { call: `GET ${api}/networks/{network}`, reads: { Containers: OBJECT } },
  { call: `DELETE ${api}/containers/${name}?force=1&v=1`, status },
];

const create = (api: string, name: string, config: object, host: object, aliases: readonly string[]): Step => ({
  call: `POST ${api}/containers/create?name=${name}`,
  body: {
    ...goConfig({ Image: '{image}', Labels: LABELS, ...config }),
    HostConfig: goHostConfig({ NetworkMode: 'runner-net', LogConfig: { Type: 'json-file', Config: null }, ...host }),
    NetworkingConfig: { EndpointsConfig: { 'runner-net': goEndpoint({ Aliases: aliases }) } },
  },
  status: 201,
  reads: { Id: ID, Warnings: LIST },
  keep: { [name.replaceAll('-', '_')]: 'Id' },
});

const steps = (api: string): Step[] => [
  {
    call: `GET ${api}/info`,
    reads: { OSType: 'linux', ServerVersion: VERSION, KernelVersion: TEXT, OperatingSystem: TEXT },
  },
  { call: `GET ${api}/version`, reads: { Os: 'linux', Arch: TEXT, Version: VERSION } },
  {
    call: `POST ${api}/networks/create`,
    body: {
      Name: 'runner-net',
      Driver: '',
      Scope: '',
      EnableIPv6: false,
      IPAM: null,
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigOnly: false,
      ConfigFrom: null,
      Options: {},
      Labels: LABELS,
    },
    status: 201,
    keep: { network: 'Id' },
  },
  { call: `GET ${api}/networks/{network}`, reads: { Id: ID, Name: 'runner-net', Driver: 'bridge' } },
  {
    call: `GET ${api}/images/busybox:latest/json`,
    reads: { Id: IMAGE_ID, Os: 'linux', Architecture: TEXT, RepoDigests: LIST, 'Config Cmd': ['sh'] },
    keep: { image: 'Id' },
  },
  {
    call: `POST ${api}/volumes/create`,
    body: { Driver: '', DriverOpts: null, Labels: LABELS, Name: 'runner-cache' },
    status: 201,
    reads: { Name: 'runner-cache', Mountpoint: TEXT },
  },
  // The volume gets its mode from a helper.
  create(
    api,
    'runner-permission',
    { Cmd: ['sh', '-c', 'chmod 777 /cache'] },
    { Binds: ['runner-cache:/cache'], NetworkMode: 'none' },
    [],
  ),
  { call: `POST ${api}/containers/{runner_permission}/start`, status: 204 },
  { call: `POST ${api}/containers/{runner_permission}/wait?condition=not-running`, reads: { StatusCode: 0 } },
  { call: `DELETE ${api}/containers/{runner_permission}?force=1&v=1`, status: 204 },
  // A service, and somebody who waits for it.
  ...removes(api, 'runner-service', 404),
  create(api, 'runner-service', { Image: 'nginx' }, {}, ['db', 'library-db']),
  { call: `POST ${api}/containers/{runner_service}/start`, status: 204 },
  {
    call: `GET ${api}/containers/{runner_service}/json`,
    reads: { 'NetworkSettings Networks runner-net IPAddress': ADDRESS, 'Config ExposedPorts 80/tcp': {} },
  },
  create(
    api,
    'runner-wait',
    { Cmd: ['sh', '-c', 'until wget -q -O /dev/null http://db/; do sleep 0.1; done; echo up'] },
    {},
    [],
  ),
  { call: `POST ${api}/containers/{runner_wait}/start`, status: 204 },
  { call: `POST ${api}/containers/{runner_wait}/wait?condition=not-running`, reads: { StatusCode: 0 } },
  {
    call: `GET ${api}/containers/{runner_wait}/logs?stderr=1&stdout=1&timestamps=1`,
    frames: { 1: /Z up\n$/, 2: /^$/ },
  },
  ...removes(api, '{runner_wait}', 204),
  // The job: a shell that reads its script. It has been attached to before it starts.
  create(
    api,
    'runner-build',
    {
      Hostname: 'runner-host',
      Cmd: ['sh'],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      OpenStdin: true,
      StdinOnce: true,
      Env: ['CI=true'],
      Entrypoint: [],
    },
    { Binds: ['runner-cache:/cache'] },
    ['build', 'runner-build'],
  ),
  {
    call: `GET ${api}/containers/{runner_build}/json`,
    reads: { Id: ID, Name: '/runner-build', 'State Status': 'created' },
  },
  {
    call: `POST ${api}/containers/{runner_build}/attach?stderr=1&stdin=1&stdout=1&stream=1`,
    headers: { 'Content-Type': 'text/plain' },
    hijacks: true,
    stays: 'job',
    form: 'frames',
  },
  { call: `POST ${api}/containers/{runner_build}/start`, status: 204 },
  { call: `POST ${api}/containers/{runner_build}/wait?condition=not-running`, stays: 'exit', pending: true },
  {
    to: 'job',
    text: 'echo "$CI on $(hostname)"; echo careful >&2; wget -q -O - http://db/; touch /cache/made; exit 5\n',
    end: true,
  },
  { from: 'job', output: { 1: /^true on runner-host\n.*nginx/s, 2: /^careful\n/ }, end: true },
  { from: 'exit', object: { StatusCode: 5, Error: undefined } },
  // Started a second time for the steps after the script.
  {
    call: `POST ${api}/containers/{runner_build}/attach?stderr=1&stdin=1&stdout=1&stream=1`,
    headers: { 'Content-Type': 'text/plain' },
    hijacks: true,
    stays: 'after',
    form: 'frames',
  },
  { call: `POST ${api}/containers/{runner_build}/start`, status: 204 },
  { call: `POST ${api}/containers/{runner_build}/wait?condition=not-running`, stays: 'exit after', pending: true },
  { to: 'after', text: 'ls /cache; sleep 1000\n' },
  { from: 'after', output: { 1: /^made\n/ } },
  // Cancelled: everything in it is told to end, then it is stopped.
  {
    call: `POST ${api}/containers/{runner_build}/exec`,
    body: {
      User: '',
      Privileged: false,
      Tty: false,
      AttachStdin: false,
      AttachStderr: true,
      AttachStdout: true,
      DetachKeys: '',
      Env: null,
      WorkingDir: '',
      Cmd: ['sh', '-c', 'kill -TERM 1; echo told'],
    },
    status: 201,
    keep: { term: 'Id' },
  },
  {
    call: `POST ${api}/exec/{term}/start`,
    body: { Detach: false, Tty: false },
    hijacks: true,
    stays: 'term',
    form: 'frames',
  },
  { from: 'term', output: { 1: /^told\n$/ }, end: true },
  { call: `POST ${api}/containers/{runner_build}/stop?t=0`, status: 204 },
  { from: 'exit after', object: { StatusCode: 137 } },
  { from: 'after', end: true },
  // Cleaned up.
  { call: `GET ${api}/networks/{network}`, reads: { 'Containers {runner_service} Name': 'runner-service' } },
  { call: `POST ${api}/networks/{network}/disconnect`, body: { Container: '{runner_service}', Force: true } },
  { call: `DELETE ${api}/containers/{runner_service}?force=1&v=1`, status: 204 },
  ...removes(api, '{runner_build}', 204),
  { call: `DELETE ${api}/volumes/runner-cache?force=1`, status: 204 },
  { call: `DELETE ${api}/networks/{network}`, status: 204 },
];

const source = 'gitlabhq/gitlab-runner, executors/docker, helpers/docker/official_docker_client.go';

export const GITLAB_RUNNER: readonly Program[] = [
  {
    name: 'GitLab Runner',
    source,
    version: 'pings, and takes the lower of the two',
    agent: 'Go-http-client/1.1',
    steps: [{ call: 'HEAD /_ping', readsHeaders: { 'api-version': VERSION } }, ...steps('/v1.51')],
  },
  {
    name: 'GitLab Runner of before',
    source,
    version: 'says 1.25 of itself, unless DOCKER_API_VERSION says another',
    agent: 'Go-http-client/1.1',
    steps: steps('/v1.25'),
  },
];
