/** What BuildKit's clients send: messages of protobuf, the frames around them, what they tell of their files. */
import assert from 'node:assert/strict';
import { FrameReader, frame } from '../../../src/base/grpc/grpc-frames.ts';
import { decodeSentence } from '../../../src/base/grpc/grpc-status.ts';
import { readUsageFilters } from '../../../src/api/buildkit/usage-filters.ts';
import { readSolveOrder } from '../../../src/api/map/solve-order.ts';
import { checkStat, headerOf } from '../../../src/build/session/file-entries.ts';
import { decode, encode, type Message } from '../../../src/wire/protobuf.ts';
import { pruneRequest, solveRequest, statusRequest } from '../../../src/wire/buildkit/control.ts';
import { bridgeSolveRequest, returnRequest } from '../../../src/wire/buildkit/gateway.ts';
import { rpcStatus } from '../../../src/wire/buildkit/rpc-status.ts';
import { credentialsResponse, PACKET, packet } from '../../../src/wire/buildkit/session.ts';
import type { Target } from '../campaign.ts';
import { mutateBytes, mutateText } from '../mutate.ts';

const NO_DEFINITION = { operations: [Buffer.from('op')], metadata: new Map([['sha256:0', {}]]) };
const ATTRS = new Map([
  ['filename', 'Dockerfile'],
  ['build-arg:A', 'b'],
  ['context:base', 'docker-image://busybox'],
  ['add-hosts', 'a=10.0.0.1,b=::1'],
  ['ulimit', 'nofile=1:2'],
  ['cache-imports', '[{"Type":"registry","Attrs":{"ref":"a/b"}}]'],
  ['platform', 'linux/arm64/v8'],
  ['shm-size', '64'],
]);
const FRONTEND = { frontend: 'dockerfile.v0', frontendOpt: ATTRS, frontendInputs: new Map([['in', NO_DEFINITION]]) };
const STAT = {
  path: 'directory/file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 5,
  modTimeNs: 1_700_000_000_123_456_789n,
  linkName: '',
  deviceMajor: 0,
  deviceMinor: 0,
};

/** Every message that a client sends, with a sample; what is read must come out again as it is. */
const MESSAGES: readonly (readonly [Message<object>, Buffer])[] = [
  sample(solveRequest, {
    ref: 'ref',
    session: 'session',
    frontend: 'dockerfile.v0',
    frontendAttrs: ATTRS,
    exporters: [{ kind: 'moby', attrs: new Map([['name', 'a,b']]) }],
    cache: { exports: [{ kind: 'inline', attrs: new Map() }], imports: [] },
    definition: NO_DEFINITION,
  }),
  sample(bridgeSolveRequest, FRONTEND),
  sample(returnRequest, { error: { code: 2, message: 'words', details: [{ typeUrl: 't', value: Buffer.from('v') }] } }),
  sample(statusRequest, { ref: 'ref' }),
  sample(pruneRequest, { filters: ['type==regular,inuse'], all: true, keepDurationNs: 1e15, reservedBytes: 5 }),
  sample(packet, { kind: PACKET.stat, stat: STAT }),
  sample(packet, { kind: PACKET.data, id: 7, data: Buffer.from('content') }),
  sample(credentialsResponse, { username: 'me', secret: 'hidden' }),
  sample(rpcStatus, { code: 5, message: 'ä', details: [] }),
];

function sample<T extends object>(type: Message<T>, value: Partial<T>): readonly [Message<object>, Buffer] {
  return [type as Message<object>, encode(type, value)];
}

const SAMPLES = MESSAGES.map(([, bytes]) => bytes);
const FRAMES = [...SAMPLES.map(frame), Buffer.concat(SAMPLES.map(frame)), frame(Buffer.alloc(3000, 1))];
const MAX_FRAME_BYTES = 100_000;

function framesOf(pieces: readonly Buffer[]): Buffer[] {
  const reader = new FrameReader(MAX_FRAME_BYTES);
  const messages = pieces.flatMap((piece) => [...reader.push(piece)]);
  reader.end();
  return messages;
}

export const buildkitTargets: readonly Target[] = [
  {
    name: 'BuildKit messages',
    make: (random) => mutateBytes(random, SAMPLES),
    read: (input) => {
      let refused: unknown;
      for (const [type] of MESSAGES) {
        try {
          const value = decode(type, input as Buffer);
          assert.deepEqual(decode(type, encode(type, value)), value);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          refused = error;
        }
      }
      if (refused) throw refused;
    },
  },
  {
    name: 'BuildKit frames',
    make: (random) => mutateBytes(random, FRAMES),
    read: (input) => {
      const whole = framesOf([input as Buffer]);
      // However they are cut on the way.
      const bytes = [...(input as Buffer)].map((byte) => Buffer.from([byte]));
      assert.deepEqual(framesOf(bytes), whole);
    },
  },
  {
    name: "a client's file",
    make: (random) => mutateBytes(random, [encode(packet, { kind: PACKET.stat, stat: STAT })]),
    read: (input) => {
      const { stat } = decode(packet, input as Buffer);
      if (!stat) return;
      checkStat(stat);
      assert.equal(headerOf(stat).length % 512, 0);
      assert.ok(!stat.path.split('/').includes('..'));
    },
  },
  {
    name: 'BuildKit solve order',
    make: (random) => mutateBytes(random, [encode(bridgeSolveRequest, FRONTEND)]),
    read: (input) => {
      const { frontend, frontendOpt } = decode(bridgeSolveRequest, input as Buffer);
      const exporters = [{ kind: 'moby', attrs: frontendOpt }];
      readSolveOrder({ frontend, attrs: frontendOpt, exporters, inputs: new Map() });
    },
  },
  {
    name: 'BuildKit usage filter',
    make: (random) =>
      mutateText(random, ['type==regular,inuse', 'id=="a"', 'parents!=b'], ['==', '!=', '~=', ',', '"']),
    read: (input) => void readUsageFilters([input as string]),
  },
  {
    name: 'gRPC sentence',
    make: (random) => mutateText(random, ['not 100%25 good: %C3%A4', '%E4%B8%8D'], ['%', '%C3', '%zz']),
    read: (input) => assert.equal(typeof decodeSentence(input as string), 'string'),
  },
];
