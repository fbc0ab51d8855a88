import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FlagSet } from '../command/flag-set.ts';
import { DetachFilter, parseDetachKeys } from '../terminal/detach-keys.ts';
import { absolutePath, planCopy, splitCopyArgument, splitPath } from './copy-paths.ts';
import { containerFlags, creationFlags } from './create-flags.ts';
import { createRequest } from './create-request.ts';
import { Demultiplexer } from './demultiplexer.ts';
import { displayPorts } from './listing.ts';
import { parseMount } from './mount-flag.ts';
import { parseExpose, parsePublish } from './port-specs.ts';

describe('the stream of a container', () => {
  it('is taken apart however it is cut', () => {
    const piece = fc.tuple(fc.constantFrom(1 as const, 2 as const), fc.uint8Array({ minLength: 0, maxLength: 50 }));
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 20 })),
        (frames, sizes) => {
          const whole = Buffer.concat(
            frames.map(([stream, data]) => {
              const header = Buffer.alloc(8);
              header.writeUInt8(stream, 0);
              header.writeUInt32BE(data.length, 4);
              return Buffer.concat([header, data]);
            }),
          );
          const seen: Record<1 | 2, Buffer[]> = { 1: [], 2: [] };
          const frameReader = new Demultiplexer((stream, data) => seen[stream].push(Buffer.from(data)));
          for (let at = 0; at < whole.length;) {
            const size = sizes.next().value ?? 1;
            frameReader.push(whole.subarray(at, at + size));
            at += size;
          }
          for (const stream of [1, 2] as const) {
            assert.deepEqual(
              Buffer.concat(seen[stream]),
              Buffer.concat(frames.filter(([of]) => of === stream).map(([, data]) => data)),
            );
          }
        },
      ),
    );
  });
});

describe('detach keys', () => {
  it('are found, and what only looks like them passes', () => {
    const filter = new DetachFilter(parseDetachKeys('ctrl-p,ctrl-q'));
    assert.deepEqual(filter.push(Buffer.from('a\x10')), { data: Buffer.from('a'), detached: false });
    assert.deepEqual(filter.push(Buffer.from('b\x10\x10')), { data: Buffer.from('\x10b\x10'), detached: false });
    assert.deepEqual(filter.push(Buffer.from('\x11rest')), { data: Buffer.alloc(0), detached: true });
    assert.deepEqual([...parseDetachKeys('a,ctrl-@,ctrl-[')], [97, 0, 27]);
    assert.throws(() => parseDetachKeys('foo'), /invalid detach keys \(foo\)/);
  });
});

describe('ports', () => {
  it('are published in every notation', () => {
    assert.deepEqual(
      parsePublish([
        '80',
        '127.0.0.1::81/udp',
        '[::1]:8080-8081:80-81',
        '9000-9010:90',
        'published=1,target=2,protocol=sctp',
      ]),
      {
        '80/tcp': [
          { HostIp: '', HostPort: '' },
          { HostIp: '::1', HostPort: '8080' },
        ],
        '81/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
        '81/tcp': [{ HostIp: '::1', HostPort: '8081' }],
        '90/tcp': [{ HostIp: '', HostPort: '9000-9010' }],
        '2/sctp': [{ HostIp: '', HostPort: '1' }],
      },
    );
    assert.deepEqual(parseExpose(['80', '5-7/udp']), ['80/tcp', '5/udp', '6/udp', '7/udp']);
  });

  it('are shown as ranges where they are the same outside', () => {
    const port = (PrivatePort: number, PublicPort?: number, IP?: string) => ({
      PrivatePort,
      Type: 'tcp',
      ...(PublicPort ? { PublicPort } : {}),
      ...(IP ? { IP } : {}),
    });
    assert.equal(
      displayPorts([
        port(80, 80, '0.0.0.0'),
        port(81, 81, '0.0.0.0'),
        port(83, 83, '0.0.0.0'),
        port(5000, 32768, '::'),
        port(22),
      ]),
      '0.0.0.0:80-81->80-81/tcp, 22/tcp, 0.0.0.0:83->83/tcp, [::]:32768->5000/tcp',
    );
  });
});

describe('a container as it is asked for', () => {
  const request = (...words: string[]) => {
    const flags = new FlagSet([...containerFlags, ...creationFlags('running')]);
    flags.parse(words, { interspersed: false });
    return createRequest(flags, flags.args[0] ?? '', flags.args.slice(1));
  };

  it('has what the flags set', () => {
    const { config, hostConfig, endpoints } = request(
      '-it',
      '--name',
      'x',
      '-p',
      '80:80',
      '-e',
      'A=1',
      '-v',
      '/data',
      '-v',
      '/a:/b:ro',
      '--link',
      'db:db',
      '--restart',
      'on-failure:3',
      '-m',
      '64m',
      '--network',
      'name=net,alias=web,ip=10.0.0.5',
      '--health-cmd',
      'true',
      '--health-interval',
      '2s',
      '--entrypoint',
      '',
      '--init=false',
      'img',
      'sh',
      '-c',
      'x',
    );
    assert.deepEqual(
      [config.Image, config['Cmd'], config['Env'], config['Volumes'], config['Entrypoint'], config.StdinOnce],
      ['img', ['sh', '-c', 'x'], ['A=1'], { '/data': {} }, [''], true],
    );
    assert.deepEqual(config['Healthcheck'], {
      Test: ['CMD-SHELL', 'true'],
      Interval: 2e9,
      Timeout: undefined,
      StartPeriod: undefined,
      StartInterval: undefined,
      Retries: undefined,
    });
    assert.deepEqual(
      [
        hostConfig['Binds'],
        hostConfig['RestartPolicy'],
        hostConfig['Memory'],
        hostConfig['NetworkMode'],
        hostConfig['Init'],
      ],
      [['/a:/b:ro'], { Name: 'on-failure', MaximumRetryCount: 3 }, 67108864, 'net', false],
    );
    // On a user's network a link is the endpoint's.
    assert.deepEqual(endpoints, {
      net: { Aliases: ['web'], Links: ['db:db'], IPAMConfig: { IPv4Address: '10.0.0.5' } },
    });
  });

  it('attaches what -a says, output by default', () => {
    assert.deepEqual(
      (['AttachStdin', 'AttachStdout', 'AttachStderr'] as const).map((key) => request('img').config[key]),
      [false, true, true],
    );
    assert.deepEqual(
      (['AttachStdin', 'AttachStdout', 'AttachStderr'] as const).map(
        (key) => request('-a', 'STDERR', '-i', 'img').config[key],
      ),
      [true, false, true],
    );
  });

  it('has mounts', () => {
    assert.deepEqual(parseMount('type=volume,src=v,dst=/d,ro,volume-opt=a=b,volume-nocopy'), {
      Type: 'volume',
      Source: 'v',
      Target: '/d',
      ReadOnly: true,
      VolumeOptions: { DriverConfig: { Options: { a: 'b' } }, NoCopy: true },
    });
    assert.deepEqual(parseMount('type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777'), {
      Type: 'tmpfs',
      Target: '/t',
      TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1777 },
    });
  });
});

describe('paths of cp', () => {
  it('are told apart', () => {
    assert.deepEqual(splitCopyArgument('web:/etc'), ['web', '/etc']);
    assert.deepEqual(splitCopyArgument('./a:b'), ['', './a:b']);
    assert.deepEqual(splitCopyArgument('/a:b'), ['', '/a:b']);
    assert.deepEqual(
      [splitPath('/a/b'), splitPath('/a/b/'), splitPath('/a/.'), splitPath('/a'), splitPath('/')],
      [
        ['/a', 'b'],
        ['/a', 'b'],
        ['/a', '.'],
        ['/', 'a'],
        ['/', '/'],
      ],
    );
    assert.deepEqual(
      [absolutePath('a/.', '/x'), absolutePath('a/', '/x'), absolutePath('../b', '/x/y')],
      ['/x/a/.', '/x/a/', '/x/b'],
    );
  });

  it('decide what becomes what', () => {
    const directory = { path: '/d', exists: true, isDirectory: true };
    const absent = { path: '/p/new', exists: false, isDirectory: false };
    assert.deepEqual(planCopy({ path: '/s/f', isDirectory: false }, directory), { directory: '/d', rename: undefined });
    assert.deepEqual(planCopy({ path: '/s/f', isDirectory: false }, absent), {
      directory: '/p',
      rename: { from: 'f', to: 'new' },
    });
    assert.deepEqual(planCopy({ path: '/s/.', isDirectory: true }, absent), {
      directory: '/p',
      rename: { from: '.', to: 'new' },
    });
    assert.throws(
      () => planCopy({ path: '/s', isDirectory: true }, { path: '/f', exists: true, isDirectory: false }),
      /cannot copy directory/,
    );
    assert.throws(
      () => planCopy({ path: '/f', isDirectory: false }, { path: '/none/', exists: false, isDirectory: false }),
      /no such directory/,
    );
  });
});
