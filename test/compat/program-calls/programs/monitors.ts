import {
  ADDRESS,
  COUNT,
  ID,
  IMAGE_ID,
  LIST,
  LIST_OR_NULL,
  OBJECT,
  PATH,
  PORT,
  POSITIVE,
  SECONDS,
  SOME,
  STRING,
  TEXT,
  TIME,
  VERSION,
  type Program,
} from '../table.ts';

const API = '/v1.51';
const PING = { call: 'HEAD /_ping', readsHeaders: { 'api-version': VERSION, ostype: 'linux' } } as const;
const NEGOTIATES = 'pings, and takes the lower of the two';
const WEB = { find: { 'Names 0': '/shop-web-1' }, keep: { web: 'Id' } } as const;

const CADVISOR: Program = {
  name: 'cAdvisor',
  source: 'google/cadvisor, container/docker',
  version: NEGOTIATES,
  agent: 'Go-http-client/1.1',
  steps: [
    PING,
    {
      call: `GET ${API}/info`,
      reads: {
        ServerVersion: /^\d+\.\d+\.\d+/,
        Driver: TEXT,
        DriverStatus: LIST,
        DockerRootDir: PATH,
        'Swarm LocalNodeState': 'inactive',
        CgroupDriver: TEXT,
        CgroupVersion: TEXT,
      },
    },
    { call: `GET ${API}/version`, reads: { Version: VERSION } },
    {
      call: `GET ${API}/images/json`,
      find: { 'RepoTags 0': 'nginx:latest' },
      reads: { Id: IMAGE_ID, Created: SECONDS, Size: POSITIVE },
    },
    {
      call: `GET ${API}/containers/{shop_web_1}/json`,
      reads: {
        Name: '/shop-web-1',
        Created: TIME,
        RestartCount: COUNT,
        'State Pid': POSITIVE,
        'State StartedAt': TIME,
        'HostConfig NetworkMode': 'shop',
        'NetworkSettings Networks shop IPAddress': ADDRESS,
        'Config Image': 'nginx',
        'Config Env': SOME,
        'Config Labels': OBJECT,
        'GraphDriver Name': TEXT,
      },
    },
  ],
};

const TELEGRAF: Program = {
  name: 'Telegraf',
  source: 'influxdata/telegraf, plugins/inputs/docker',
  version: NEGOTIATES,
  agent: 'engine-api-cli-1.0',
  steps: [
    PING,
    {
      call: `GET ${API}/info`,
      reads: {
        Name: TEXT,
        ServerVersion: VERSION,
        NCPU: POSITIVE,
        NFd: COUNT,
        Containers: COUNT,
        ContainersRunning: COUNT,
        ContainersStopped: COUNT,
        ContainersPaused: 0,
        Images: POSITIVE,
        NGoroutines: COUNT,
        NEventsListener: COUNT,
        MemTotal: POSITIVE,
      },
    },
    { call: `GET ${API}/containers/json?all=1`, ...WEB, reads: { Image: 'nginx', State: 'running', Labels: OBJECT } },
    {
      call: `GET ${API}/containers/{web}/stats?stream=0`,
      reads: {
        read: TIME,
        name: '/shop-web-1',
        id: ID,
        'memory_stats stats pgfault': COUNT,
        'memory_stats limit': 268435456,
        'cpu_stats cpu_usage usage_in_usermode': COUNT,
        'cpu_stats cpu_usage usage_in_kernelmode': COUNT,
        'cpu_stats throttling_data periods': COUNT,
        'cpu_stats throttling_data throttled_time': COUNT,
        'precpu_stats system_cpu_usage': POSITIVE,
        'networks eth0 rx_packets': COUNT,
        'networks eth0 tx_dropped': COUNT,
        'pids_stats current': POSITIVE,
      },
    },
    {
      call: `GET ${API}/containers/{web}/json`,
      reads: {
        'State OOMKilled': false,
        'State Pid': POSITIVE,
        'State ExitCode': 0,
        'State FinishedAt': TEXT,
        'State StartedAt': TIME,
        'State Health Status': TEXT,
        'State Health FailingStreak': COUNT,
        RestartCount: COUNT,
      },
    },
    {
      call: `GET ${API}/system/df?type=container&type=image&type=volume`,
      reads: {
        LayersSize: POSITIVE,
        'Containers * SizeRootFs': POSITIVE,
        'Images * Size': POSITIVE,
        'Images * SharedSize': COUNT,
        'Volumes * UsageData Size': COUNT,
        BuildCache: null,
      },
    },
  ],
};

const DOCKER_GEN: Program = {
  name: 'docker-gen (nginx-proxy)',
  source: 'nginx-proxy/docker-gen, internal/generator; fsouza/go-dockerclient',
  version: 'none in the path: the latest that the engine has',
  agent: 'go-dockerclient',
  steps: [
    { call: 'GET /version', reads: { ApiVersion: VERSION, Version: VERSION } },
    {
      call: 'GET /events?filters={"event":["start","stop","die","health_status"],"type":["container"]}',
      stays: 'events',
    },
    {
      call: 'GET /info',
      reads: {
        Name: TEXT,
        Containers: COUNT,
        Images: COUNT,
        ServerVersion: VERSION,
        DriverStatus: LIST,
        'RegistryConfig IndexConfigs': OBJECT,
      },
    },
    { call: 'GET /containers/json?all=1', ...WEB },
    { call: 'GET /networks', find: { Name: 'shop' }, reads: { Internal: false, Containers: OBJECT } },
    {
      call: 'GET /containers/{web}/json',
      reads: {
        Created: TIME,
        'State Running': true,
        'Config Hostname': /^[0-9a-f]{12}$/,
        'Config Env 0': 'VIRTUAL_HOST=shop.example.com',
        'Config ExposedPorts 80/tcp': {},
        'NetworkSettings IPAddress': '',
        'NetworkSettings Gateway': '',
        'NetworkSettings Ports 80/tcp 0 HostPort': PORT,
        'NetworkSettings Networks shop EndpointID': ID,
        'NetworkSettings Networks shop Gateway': ADDRESS,
        'NetworkSettings Networks shop IPPrefixLen': POSITIVE,
        'NetworkSettings Networks shop Aliases': ['web'],
        'Mounts 0 Name': 'shop-data',
        'Mounts 0 Driver': 'local',
        'Mounts 0 Mode': 'z',
        'Mounts 0 RW': true,
        'HostConfig Devices': LIST_OR_NULL,
      },
    },
    { call: 'GET /_ping', has: /^OK$/ },
    // To one that reads its configuration again at this signal; as PID 1, this one is not ended by it.
    { call: 'POST /containers/{web}/kill?signal=1', status: 204 },
    { call: 'POST /containers/{web}/restart?t=10', status: 204 },
    { from: 'events', object: { Action: 'die', 'Actor ID': '{web}', id: '{web}', status: 'die' } },
    { from: 'events', object: { Action: 'start', 'Actor ID': '{web}' } },
    { closes: 'events' },
  ],
};

const CTOP: Program = {
  name: 'ctop',
  source: 'bcicen/ctop, connector; fsouza/go-dockerclient',
  version: 'none in the path: the latest that the engine has',
  agent: 'go-dockerclient',
  steps: [
    { call: 'GET /info', reads: { ID: TEXT } },
    {
      call: 'GET /events?filters={"event":["create","start","health_status","pause","unpause","stop","die","destroy"],"type":["container"]}',
      stays: 'events',
    },
    { call: 'GET /containers/json?all=1', ...WEB, reads: { State: 'running' } },
    { call: 'GET /containers/{web}/stats?stream=true', stays: 'stats' },
    {
      from: 'stats',
      object: {
        read: TIME,
        'cpu_stats cpu_usage total_usage': POSITIVE,
        'cpu_stats online_cpus': POSITIVE,
        'memory_stats usage': POSITIVE,
        'pids_stats current': POSITIVE,
      },
    },
    {
      call: 'GET /containers/{web}/logs?follow=1&stderr=1&stdout=1&tail=20&timestamps=1',
      stays: 'logs',
      form: 'frames',
    },
    { from: 'logs', output: { 1: /Z ready\n/ } },
    {
      call: 'POST /containers/{web}/exec',
      body: {
        Cmd: ['sh', '-c', 'read line; echo got $line'],
        Container: '{web}',
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: true,
      },
      status: 201,
      keep: { exec: 'Id' },
    },
    { call: 'POST /exec/{exec}/start', body: { Tty: true }, hijacks: true, stays: 'exec', form: 'bytes' },
    { to: 'exec', text: 'this\n' },
    { from: 'exec', output: { 0: /got this\r\n/ }, end: true },
    { call: 'POST /containers/{web}/pause', status: 204 },
    { from: 'events', object: { status: 'pause', id: '{web}' } },
    { call: 'POST /containers/{web}/unpause', status: 204 },
    { from: 'events', object: { status: 'unpause', id: '{web}' } },
    { call: 'GET /containers/nothing/json', status: 404 },
    { closes: 'logs' },
    { closes: 'stats' },
    { closes: 'events' },
  ],
};

const LAZYDOCKER: Program = {
  name: 'lazydocker',
  source: 'jesseduffield/lazydocker, pkg/commands',
  version: NEGOTIATES,
  agent: 'Go-http-client/1.1',
  steps: [
    PING,
    { call: `GET ${API}/containers/json?all=1`, ...WEB, reads: { 'Labels com.docker.compose.service': 'web' } },
    { call: `GET ${API}/containers/{web}/json`, reads: { 'Config Tty': false, 'State ExitCode': 0 } },
    { call: `GET ${API}/containers/{web}/stats?stream=1`, stays: 'stats' },
    { from: 'stats', object: { 'memory_stats limit': POSITIVE, 'pids_stats current': POSITIVE } },
    {
      call: `GET ${API}/containers/{web}/logs?follow=1&since=1700000000.000000000&stderr=1&stdout=1&tail=&timestamps=0`,
      stays: 'logs',
      form: 'frames',
    },
    { from: 'logs', output: { 1: /ready\n/ } },
    { call: `GET ${API}/containers/{web}/top`, reads: { Titles: SOME, 'Processes *': SOME } },
    { call: `GET ${API}/images/json`, find: { 'RepoTags 0': 'nginx:latest' }, keep: { image: 'Id' } },
    {
      call: `GET ${API}/images/{image}/history`,
      reads: {
        '0 Id': STRING,
        '0 Created': SECONDS,
        '0 CreatedBy': STRING,
        '0 Size': COUNT,
        '0 Tags': ['nginx:latest'],
      },
    },
    { call: `GET ${API}/volumes`, reads: { 'Volumes * Name': TEXT, 'Volumes * CreatedAt': TIME } },
    {
      call: `GET ${API}/networks`,
      find: { Name: 'bridge' },
      reads: { 'Options com.docker.network.bridge.default_bridge': 'true' },
    },
    { call: `GET ${API}/events`, stays: 'events' },
    { closes: 'events' },
    { closes: 'logs' },
    { closes: 'stats' },
  ],
};

const DIUN: Program = {
  name: 'Diun',
  source: 'crazy-max/diun, pkg/docker',
  version: NEGOTIATES,
  agent: 'Go-http-client/1.1',
  steps: [
    PING,
    { call: `GET ${API}/version`, reads: { Version: VERSION } },
    {
      call: `GET ${API}/containers/json?filters={"status":{"created":true,"running":true}}`,
      ...WEB,
      reads: { Image: 'nginx', ImageID: IMAGE_ID, State: 'running', Status: TEXT, Command: TEXT, Labels: OBJECT },
    },
    {
      call: `GET ${API}/containers/{web}/json`,
      reads: { Image: IMAGE_ID, 'Config Image': 'nginx' },
      keep: { image: 'Image' },
    },
    {
      call: `GET ${API}/images/{image}/json`,
      reads: { RepoTags: ['nginx:latest'], RepoDigests: [], Created: TIME, Architecture: TEXT, Os: 'linux' },
    },
  ],
};

export const MONITORS: readonly Program[] = [CADVISOR, TELEGRAF, DOCKER_GEN, CTOP, LAZYDOCKER, DIUN];
