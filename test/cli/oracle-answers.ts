/** What the fake engine answers to the command lines of oracle-cases.ts. */
import { empty, frame, hijack, refuse, sendJson, type Answer } from './fake-engine.ts';
import * as fixtures from './fixtures.ts';

const raw =
  (text: string): Answer =>
  (_asked, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(text);
  };
const framed =
  (...frames: Buffer[]): Answer =>
  (_asked, response) => {
    response.writeHead(200, { 'Content-Type': 'application/vnd.docker.multiplexed-stream' });
    response.end(Buffer.concat(frames));
  };
const missing = (what: string) => refuse(404, `No such ${what}: nosuch`);

const pulling = (last: object) =>
  [
    { status: 'Pulling from library/busybox', id: 'latest' },
    { status: 'Pulling fs layer', progressDetail: {}, id: 'aaaa' },
    {
      status: 'Downloading',
      progressDetail: { current: 500, total: 1000 },
      progress: '[====>  ] 500B/1kB',
      id: 'aaaa',
    },
    { status: 'Pull complete', progressDetail: {}, id: 'aaaa' },
    { status: 'Digest: sha256:abcd' },
    last,
  ]
    .map((line) => `${JSON.stringify(line)}\r\n`)
    .join('');

export const answers: Readonly<Record<string, Answer>> = {
  'GET /containers/json': fixtures.containers,
  'GET /images/json': fixtures.images,
  'GET /networks': fixtures.networks,
  'GET /volumes': { Volumes: fixtures.volumes, Warnings: [] },
  'GET /info': fixtures.info,
  'GET /version': fixtures.version,
  'GET /system/df': fixtures.diskUsage,
  'GET /events': raw(fixtures.events),
  'GET /containers/web/json': raw(fixtures.webInspect),
  'GET /containers/stopped/json': { ...(JSON.parse(fixtures.webInspect) as object), State: { Running: false } },
  'GET /containers/nosuch/json': missing('container'),
  'GET /images/nosuch/json': missing('image'),
  'GET /networks/nosuch': refuse(404, 'network nosuch not found'),
  'GET /volumes/nosuch': refuse(404, 'get nosuch: no such volume'),
  'GET /containers/net10/json': missing('container'),
  'GET /images/net10/json': missing('image'),
  'GET /networks/net10': fixtures.netInspect,
  'GET /images/busybox/json': fixtures.imageInspect,
  'GET /images/busybox/history': fixtures.history,
  'GET /volumes/v10': fixtures.volumes[0] ?? {},
  'GET /containers/web/top': {
    Titles: ['PID', 'USER', 'TIME', 'COMMAND'],
    Processes: [
      ['1', 'root', '0:00', 'python app.py'],
      ['23456', 'nobody', '1:00', 'sh'],
    ],
  },
  'GET /containers/web/changes': [
    { Path: '/etc', Kind: 0 },
    { Path: '/etc/new', Kind: 1 },
    { Path: '/tmp/old', Kind: 2 },
  ],
  'GET /containers/web/stats': fixtures.statistics,
  'GET /containers/web/logs': framed(frame(1, 'one\n'), frame(2, 'oops\n'), frame(1, 'two')),
  // Docker asks by ID, we by the name that was given.
  [`GET /containers/${fixtures.WEB}/logs`]: framed(frame(1, 'one\n'), frame(2, 'oops\n'), frame(1, 'two')),
  'GET /containers/nosuch/logs': missing('container'),
  'GET /containers/nosuch/stats': missing('container'),
  'POST /containers/web/start': empty(),
  'POST /containers/web/stop': empty(),
  'POST /containers/web/restart': empty(),
  'POST /containers/web/kill': empty(),
  'POST /containers/web/pause': empty(),
  'POST /containers/web/unpause': empty(),
  'POST /containers/nosuch/stop': missing('container'),
  'POST /containers/nosuch/start': missing('container'),
  'POST /containers/nosuch/kill': missing('container'),
  'DELETE /containers/web': empty(),
  'DELETE /containers/nosuch': missing('container'),
  'POST /containers/web/rename': empty(),
  'POST /containers/web/wait': { StatusCode: 3 },
  'POST /containers/stopped/wait': { StatusCode: 0 },
  'POST /containers/web/update': { Warnings: ['careful'] },
  'POST /containers/nosuch/wait': missing('container'),
  'POST /containers/web/exec': { Id: 'ex1' },
  'POST /containers/nosuch/exec': missing('container'),
  'POST /exec/ex1/start': (_asked, response) =>
    hijack(response, true).end(Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')])),
  'GET /exec/ex1/json': { ID: 'ex1', Running: false, ExitCode: 126 },
  'POST /containers/create': (asked, response) => {
    const { Image } = JSON.parse(asked.body) as { Image: string };
    if (Image === 'nosuch') sendJson(response, 404, { message: 'No such image: nosuch:latest' });
    else if (Image === 'taken')
      sendJson(response, 409, { message: 'Conflict. The container name "/web" is already in use' });
    else sendJson(response, 201, { Id: fixtures.WEB, Warnings: ['swap is off'] });
  },
  [`POST /containers/${fixtures.WEB}/wait`]: (_asked, response) => response.writeHead(200).flushHeaders(),
  [`POST /containers/${fixtures.WEB}/start`]: refuse(
    500,
    'driver failed: Bind for 0.0.0.0:80 failed: port is already allocated',
  ),
  'POST /images/create': (asked, response) => {
    const image = asked.query.get('fromImage') ?? '';
    if (/denied/.test(image)) return sendJson(response, 404, { message: 'pull access denied for denied' });
    const broken = /broken/.test(image);
    response.end(
      pulling(
        broken
          ? { errorDetail: { message: 'it broke' }, error: 'it broke' }
          : { status: 'Status: Downloaded newer image for busybox:latest' },
      ),
    );
  },
  'POST /images/load': raw('{"stream":"Loaded image: busybox:latest\\n"}\n'),
  'POST /images/busybox/tag': empty(201),
  'DELETE /images/busybox': [{ Untagged: 'busybox:latest' }, { Deleted: fixtures.IMAGE }],
  'DELETE /images/nosuch': missing('image'),
  'POST /images/prune': { ImagesDeleted: [{ Untagged: 'a:b' }, { Deleted: 'sha256:00' }], SpaceReclaimed: 123456 },
  'POST /containers/prune': { ContainersDeleted: ['c1', 'c2'], SpaceReclaimed: 42 },
  'POST /networks/prune': { NetworksDeleted: ['n1'] },
  'POST /volumes/prune': { VolumesDeleted: null, SpaceReclaimed: 0 },
  'POST /networks/create': { Id: fixtures.NET, Warning: '' },
  'DELETE /networks/net10': empty(),
  'DELETE /networks/nosuch': refuse(404, 'network nosuch not found'),
  'POST /networks/net10/connect': empty(200),
  'POST /networks/net10/disconnect': refuse(404, 'No such container: x'),
  'POST /volumes/create': { Name: 'fresh', Driver: 'local', Mountpoint: '/m', Scope: 'local' },
  'DELETE /volumes/v9': refuse(409, 'remove v9: volume is in use - [abc]'),
  'DELETE /volumes/v10': empty(),
  'POST /commit': { Id: 'sha256:cafe' },
};
