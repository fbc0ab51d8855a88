/** What was built goes to the client's machine, as files or as an archive. */
import { invalid } from '../../base/errors.ts';
import { goFileMode } from '../../base/go-file-mode.ts';
import { archiveOf, contentAt, entriesOf } from '../../image/trees/tree-export.ts';
import type { BuildClient, FileStat, FileTransfer } from '../../model/build-client.ts';
import type { BuildPhase } from '../../model/build-watch.ts';
import type { ImageRecord } from '../../model/image.ts';

/** What a build has come to. */
export interface BuiltImage {
  readonly image: ImageRecord;
  /** Its files, read-only, while `work` runs. */
  readonly read: <T>(work: (root: string) => Promise<T>) => Promise<T>;
}

interface Export {
  readonly client: BuildClient;
  readonly phase: BuildPhase;
  readonly signal: AbortSignal;
}

/** `index`: which of the client's exporters it is for. */
export async function exportFiles(
  built: BuiltImage,
  kind: 'local' | 'tar',
  index: number,
  { client, phase, signal }: Export,
): Promise<void> {
  try {
    await built.read(async (root) => {
      const what = kind === 'local' ? 'copying files' : 'sending tarball';
      phase.status(what, 0, 0);
      if (kind === 'tar') await client.sendArchive(index, archiveOf(root, signal), signal);
      else await sendFiles(client.sendFiles(index, signal), root, signal, (bytes) => phase.status(what, bytes, 0));
      phase.done(what);
    });
    phase.end();
  } catch (error) {
    phase.end(error);
    throw error;
  }
}

const PIECE_BYTES = 64 * 1024;

/** The client is told of all files, asks for those that it wants, and says when it has them. */
export async function sendFiles(
  transfer: FileTransfer,
  root: string,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<void> {
  try {
    const files = await sendStats(transfer, root, signal);
    let sent = 0;
    for await (const packet of transfer.packets) {
      if (packet.packet === 'end') {
        await transfer.send({ packet: 'end' });
        transfer.end();
      } else if (packet.packet === 'error') throw invalid(`error from receiver: ${packet.text}`);
      else if (packet.packet === 'request') {
        const { id } = packet;
        const name = files.get(id);
        if (name === undefined) throw invalid(`invalid file id ${id}`);
        files.delete(id);
        for await (const piece of contentAt(root, name)) {
          for (let at = 0; at < piece.length; at += PIECE_BYTES)
            await transfer.send({ packet: 'data', id, data: piece.subarray(at, at + PIECE_BYTES) });
          progress((sent += piece.length));
        }
        await transfer.send({ packet: 'data', id, data: Buffer.alloc(0) });
      }
    }
  } finally {
    transfer.cancel();
  }
}

/** Resolves to the names of those with content, by their numbers. */
async function sendStats(transfer: FileTransfer, root: string, signal: AbortSignal): Promise<Map<number, string>> {
  const files = new Map<number, string>();
  /** Names of files that have several, by what tells files apart. */
  const links = new Map<string, string>();
  let id = 0;
  for await (const { name, stats, linkTarget } of entriesOf(root, signal)) {
    if (stats.isSocket()) continue;
    const key = `${stats.dev}:${stats.ino}`;
    const earlier = stats.isFile() && stats.nlink > 1n ? links.get(key) : undefined;
    if (stats.isFile() && stats.nlink > 1n && earlier === undefined) links.set(key, name);
    const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
    const stat: FileStat = {
      path: name,
      mode: goFileMode(Number(stats.mode)),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      sizeBytes: stats.isFile() ? Number(stats.size) : 0,
      modTimeNs: stats.mtimeNs,
      linkName: stats.isSymbolicLink() ? linkTarget : (earlier ?? ''),
      deviceMajor: isDevice ? Number(((stats.rdev >> 8n) & 0xfffn) | ((stats.rdev >> 32n) & ~0xfffn)) : 0,
      deviceMinor: isDevice ? Number((stats.rdev & 0xffn) | ((stats.rdev >> 12n) & ~0xffn)) : 0,
    };
    // Every regular file has a number that can be asked for; what is asked of a further name is the same content.
    if (stats.isFile()) files.set(id, name);
    await transfer.send({ packet: 'stat', stat });
    id++;
  }
  await transfer.send({ packet: 'statsEnd' });
  return files;
}
