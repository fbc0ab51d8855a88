/**
 * A directory for the daemon, which has an earlier state of it: it is told of all files, and asks for the content of
 * those that it has not, or has with another size or time (BuildKit's FileSync).
 */
import { closeSync, readlinkSync, readSync } from 'node:fs';
import { goFileMode } from '../../base/go-file-mode.ts';
import type { GrpcCall } from '../../base/grpc/grpc-server.ts';
import { NOT_FOUND, GrpcError } from '../../base/grpc/grpc-status.ts';
import { decode, encode, type MessageValue } from '../../wire/protobuf.ts';
import { PACKET, packet } from '../../wire/buildkit/session.ts';
import { StatusError } from '../command/status-error.ts';
import { deviceOf, entriesOf, openEntry, shortened, type Entry, type SentDirectory } from './context-entries.ts';

/** Messages are collected up to this, and written at once. */
const BATCH_BYTES = 64 * 1024;
const PIECE_BYTES = 256 * 1024;

type Packet = Partial<MessageValue<typeof packet>>;

/** `sending`: how many bytes of files have been sent, and whether these are all. @throws StatusError */
export async function sendDirectory(
  call: GrpcCall,
  source: SentDirectory,
  sending: (bytes: number, isAll: boolean) => void,
): Promise<void> {
  const files = await tell(call, source);
  let bytes = 0;
  for await (const message of call.messages) {
    const { kind, id, data } = decode(packet, message);
    if (kind === PACKET.end) {
      sending(bytes, true);
      await call.send(encode(packet, { kind: PACKET.end }));
      continue; // the daemon ends the call
    }
    if (kind === PACKET.error) throw new StatusError(`error from receiver: ${data.toString()}`);
    if (kind !== PACKET.request) continue;
    const file = files.get(id);
    if (!file) throw new GrpcError(NOT_FOUND, `there is no file ${id} to be sent`);
    files.delete(id); // once
    for (const { packets, size } of contentOf(id, file)) {
      await call.send(...packets);
      sending((bytes += size), false);
    }
  }
}

/** Of everything that is there. Resolves to the files with content, by their numbers. */
async function tell(call: GrpcCall, source: SentDirectory): Promise<Map<number, Entry>> {
  const files = new Map<number, Entry>();
  let batch: Buffer[] = [];
  let batchBytes = 0;
  let id = 0;
  for (const entry of entriesOf(source)) {
    if (entry.stats.isFile() && entry.linkTo === undefined) files.set(id, entry);
    id++;
    const message = encode(packet, { kind: PACKET.stat, stat: statOf(entry) });
    batch.push(message);
    batchBytes += message.length;
    if (batchBytes < BATCH_BYTES) continue;
    await call.send(...batch);
    [batch, batchBytes] = [[], 0];
  }
  await call.send(...batch, encode(packet, { kind: PACKET.stat }));
  return files;
}

function statOf({ path, archived, stats, linkTo }: Entry): NonNullable<Packet['stat']> {
  return {
    path: archived,
    mode: goFileMode(stats.mode),
    uid: 0,
    gid: 0,
    sizeBytes: stats.isFile() ? stats.size : 0,
    // A number has not room for more than microseconds.
    modTimeNs: BigInt(Math.round(stats.mtimeMs * 1000)) * 1000n,
    linkName: stats.isSymbolicLink() ? readlinkSync(path, 'buffer').toString('latin1') : (linkTo ?? ''),
    ...(stats.isBlockDevice() || stats.isCharacterDevice() ? deviceOf(stats.rdev) : { deviceMajor: 0, deviceMinor: 0 }),
  };
}

/** As long as was told: what has been added since is left out. */
function* contentOf(id: number, entry: Entry): Generator<{ readonly packets: Buffer[]; readonly size: number }> {
  const end = encode(packet, { kind: PACKET.data, id });
  const { fd } = openEntry(entry);
  try {
    let left = entry.stats.size;
    do {
      const piece = Buffer.allocUnsafe(Math.min(left, PIECE_BYTES));
      const size = piece.length === 0 ? 0 : readSync(fd, piece, 0, piece.length, null);
      if (size === 0 && left > 0) throw shortened(entry.path);
      left -= size;
      const packets = size > 0 ? [encode(packet, { kind: PACKET.data, id, data: piece.subarray(0, size) })] : [];
      yield { packets: left > 0 ? packets : [...packets, end], size };
    } while (left > 0);
  } finally {
    closeSync(fd);
  }
}
