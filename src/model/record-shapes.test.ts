import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ENDPOINT_SPEC } from './endpoint.ts';
import { EMPTY_NETWORK_SPEC } from './network.ts';
import { containerShape, networkShape, volumeShape } from './record-shapes.ts';

type AnyShape = (value: unknown) => string | undefined;

const ID = 'ab'.repeat(32);

const volume = {
  name: 'data',
  driver: 'local',
  createdAt: '2026-01-01T00:00:00.123456789Z',
  mountpoint: '/v/data/_data',
  labels: { a: 'b' },
  options: {},
  anonymous: false,
};

const network = {
  ...EMPTY_NETWORK_SPEC,
  id: ID,
  name: 'net',
  driver: 'bridge',
  scope: 'local',
  createdAt: '2026-01-01T00:00:00Z',
  bridgeName: 'br-1234',
  predefined: false,
  ipam: { driver: 'default', options: null, pools: [] },
  pools: [{ subnet: '10.0.0.0/24', ipRange: '', gateway: '10.0.0.1', auxAddresses: { router: '10.0.0.9' } }],
};

const resources = {
  cpuShares: 0,
  nanoCpus: 0,
  cpuPeriodUs: 0,
  cpuQuotaUs: 0,
  cpuRealtimePeriodUs: 0,
  cpuRealtimeRuntimeUs: 0,
  cpusetCpus: '',
  cpusetMems: '',
  memoryBytes: 0,
  memoryReservationBytes: 0,
  memorySwapBytes: 0,
  memorySwappiness: null,
  oomKillDisable: false,
  pidsLimit: null,
  blkioWeight: 0,
  deviceCgroupRules: [],
  devices: [{ pathOnHost: '/dev/null', pathInContainer: '/dev/null', cgroupPermissions: 'r' }],
  ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
};

const container = {
  id: ID,
  name: 'web',
  createdAt: '2026-01-01T00:00:00Z',
  imageId: `sha256:${ID}`,
  path: 'sh',
  args: ['-c'],
  restartCount: 0,
  stoppedByUser: false,
  mounts: [
    {
      type: 'volume',
      name: 'data',
      source: '/v',
      destination: '/d',
      driver: 'local',
      mode: '',
      rw: true,
      propagation: '',
      noCopy: false,
      tmpfsOptions: '',
    },
  ],
  connections: [{ networkId: ID, networkName: 'net', spec: EMPTY_ENDPOINT_SPEC }],
  links: [{ sourceId: ID, sourceName: 'db', alias: 'db' }],
  state: {
    status: 'running',
    pid: 7,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedAt: '0001-01-01T00:00:00Z',
    finishedAt: '0001-01-01T00:00:00Z',
    health: { status: 'healthy', failingStreak: 0, log: [{ start: '', end: '', exitCode: 0, output: '' }] },
  },
  spec: {
    image: 'busybox',
    labels: {},
    volumes: [],
    shell: null,
    onBuild: null,
    process: {
      hostname: '',
      domainname: '',
      user: '',
      env: ['A=b'],
      cmd: ['x'],
      entrypoint: null,
      workingDir: '',
      tty: false,
      openStdin: false,
      stdinOnce: false,
      attachStdin: false,
      attachStdout: true,
      attachStderr: true,
      stopSignal: '',
      stopTimeoutS: null,
      healthcheck: { test: [], intervalNs: 0, timeoutNs: 0, startPeriodNs: 0, startIntervalNs: 0, retries: 0 },
    },
    host: {
      binds: [],
      mounts: [
        {
          type: 'bind',
          source: '/a',
          target: '/b',
          readonly: true,
          bind: { propagation: '', nonRecursive: false, createMountpoint: false },
          volume: null,
          tmpfs: null,
        },
      ],
      tmpfs: {},
      volumesFrom: [],
      volumeDriver: '',
      containerIdFile: '',
      restartPolicy: { name: 'no', maximumRetryCount: 0 },
      autoRemove: false,
      privileged: false,
      capAdd: [],
      capDrop: [],
      groupAdd: [],
      readonlyRootfs: false,
      securityOpt: [],
      maskedPaths: null,
      readonlyPaths: ['/proc'],
      sysctls: {},
      init: null,
      runtime: '',
      logConfig: { type: '', config: {} },
      ipcMode: '',
      pidMode: '',
      utsMode: '',
      usernsMode: '',
      cgroupnsMode: '',
      cgroupParent: '',
      oomScoreAdj: 0,
      shmSizeBytes: 0,
      storageOpt: {},
      annotations: {},
      consoleSize: [0, 0],
      resources,
    },
    connection: {
      networkMode: 'net',
      networks: { net: EMPTY_ENDPOINT_SPEC },
      links: [],
      exposedPorts: ['80/tcp', 'an image may say anything'],
      portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
      publishAllPorts: false,
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      macAddress: '',
    },
  },
};

const records: readonly [string, AnyShape, object][] = [
  ['container', containerShape, container],
  ['network', networkShape, network],
  ['volume', volumeShape, volume],
];

for (const [name, shape, record] of records) {
  test(`a ${name} that is whole is taken, also with fields that a newer release added`, () => {
    assert.equal(shape(record), undefined);
    assert.equal(shape({ ...record, added: { later: true } }), undefined);
  });

  test(`a ${name} is refused with any field missing, null or of another type`, () => {
    let tried = 0;
    const visit = (value: unknown, path: string, put: (changed: unknown) => unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      const map =
        /\b(labels|options|tmpfs|sysctls|config|storageOpt|annotations|networks|portBindings|auxAddresses|driverOpts)$/.test(
          path,
        );
      for (const [key, inner] of Object.entries(value)) {
        const replace = (changed: unknown): unknown =>
          put(
            Array.isArray(value)
              ? value.map((item: unknown, i) => (String(i) === key ? changed : item))
              : { ...value, [key]: changed },
          );
        const wrong = [
          undefined,
          null,
          typeof inner === 'object' ? 'nonsense' : [inner],
          typeof inner === 'string' ? 5 : 'nonsense',
        ];
        for (const [i, one] of wrong.entries()) {
          // Lines of a map may be missing, and null is what some fields have.
          if (i === 0 && (map || Array.isArray(value))) continue;
          if (
            one === null &&
            (inner === null ||
              [
                'options',
                'shell',
                'onBuild',
                'cmd',
                'entrypoint',
                'healthcheck',
                'maskedPaths',
                'readonlyPaths',
                'init',
                'bind',
                'volume',
                'tmpfs',
                'health',
              ].includes(key))
          )
            continue;
          assert.notEqual(
            shape(JSON.parse(JSON.stringify(replace(one) ?? null))),
            undefined,
            `${path}.${key} = ${JSON.stringify(one)}`,
          );
          tried += 1;
        }
        visit(inner, `${path}.${key}`, replace);
      }
    };
    visit(record, name, (changed) => changed);
    assert.ok(tried > 20, `${tried} tried`);
  });
}

test('what would be a path, an address or a time must be one', () => {
  const cases: [AnyShape, object, RegExp][] = [
    [containerShape, { ...container, id: '../../etc' }, /^id: not an id$/],
    [containerShape, { ...container, createdAt: 'yesterday' }, /^createdAt: not a time$/],
    [
      containerShape,
      { ...container, state: { ...container.state, status: 'frozen' } },
      /^state\.status: "frozen": none of created, running/,
    ],
    [
      networkShape,
      { ...network, pools: [{ ...network.pools[0], subnet: '10.0.0.0/99' }] },
      /^pools\.0\.subnet: not a subnet$/,
    ],
    [networkShape, { ...network, bridgeName: '../x' }, /^bridgeName: not the name of an interface$/],
    [volumeShape, { ...volume, name: '../x' }, /^name: not a name$/],
  ];
  for (const [shape, record, sentence] of cases) assert.match(shape(record) ?? '', sentence);
});
