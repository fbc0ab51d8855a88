/** A session: a client's connection on which the engine is who asks, for files, secrets, logins and agents. */
import { errorKind, unavailable } from '../../base/errors.ts';
import type { BuildClient, ByteConnection, FilePacket, FilesWanted, FileTransfer } from '../../model/build-client.ts';
import type { RegistryAuth } from '../../model/registry.ts';
import { decode, encode, type MessageValue } from '../../wire/protobuf.ts';
import {
  agentRequest,
  bytesMessage,
  credentialsRequest,
  credentialsResponse,
  PACKET,
  packet,
  secretRequest,
  secretResponse,
} from '../../wire/buildkit/session.ts';
import type { GrpcClient, GrpcMetadata, GrpcStream } from '../grpc/grpc-client.ts';

const FILES = '/moby.filesync.v1.FileSync/DiffCopy';
const SEND = '/moby.filesync.v1.FileSend/DiffCopy';
const CREDENTIALS = '/moby.filesync.v1.Auth/Credentials';
const SECRET = '/moby.buildkit.secrets.v1.Secrets/GetSecret';
const CHECK_AGENT = '/moby.sshforward.v1.SSH/CheckAgent';
const FORWARD_AGENT = '/moby.sshforward.v1.SSH/ForwardAgent';

/** Each in a message of its own; clients take four million bytes. */
const MAX_PIECE_BYTES = 1024 * 1024;
const MAX_SECRET_BYTES = 500 * 1024;

export class BuildSession implements BuildClient {
  readonly sharedKey: string;
  readonly #client: GrpcClient;
  /** In lower case. */
  readonly #methods: ReadonlySet<string>;

  constructor(client: GrpcClient, sharedKey: string, methods: readonly string[]) {
    this.#client = client;
    this.sharedKey = sharedKey;
    this.#methods = new Set(methods.map((method) => method.toLowerCase()));
  }

  get ended(): Promise<void> {
    return this.#client.ended;
  }

  #has(method: string): boolean {
    return this.#methods.has(method.toLowerCase());
  }

  openFiles({ directory, follow, exclude }: FilesWanted, signal: AbortSignal): FileTransfer {
    if (!this.#has(FILES)) throw unavailable('no local sources enabled');
    const metadata = {
      'dir-name': directory,
      ...headerOf('followpaths', follow),
      ...headerOf('exclude-patterns', exclude),
    };
    return transferOn(this.#client.stream(FILES, metadata, signal));
  }

  async secret(id: string, signal: AbortSignal): Promise<Buffer | undefined> {
    if (!this.#has(SECRET)) return undefined;
    try {
      const answer = await this.#client.unary(SECRET, encode(secretRequest, { id }), signal);
      const { data } = decode(secretResponse, answer);
      if (data.length > MAX_SECRET_BYTES) throw unavailable(`invalid secret size ${data.length}`);
      return data;
    } catch (error) {
      if (errorKind(error) === 'notFound') return undefined;
      throw error;
    }
  }

  async login(host: string, signal: AbortSignal): Promise<RegistryAuth | null> {
    // Some clients do not say what they can be asked.
    if (this.#methods.size > 0 && !this.#has(CREDENTIALS)) return null;
    let answer: Buffer;
    try {
      answer = await this.#client.unary(CREDENTIALS, encode(credentialsRequest, { host }), signal);
    } catch (error) {
      if (errorKind(error) === 'notImplemented') return null;
      throw error;
    }
    const { username, secret } = decode(credentialsResponse, answer);
    if (secret === '') return null;
    // Docker's client has a token of a login for who has no name.
    return {
      username,
      password: username === '' ? '' : secret,
      identityToken: username === '' ? secret : '',
      registryToken: '',
      serverAddress: host,
    };
  }

  async hasAgent(id: string, signal: AbortSignal): Promise<boolean> {
    if (!this.#has(FORWARD_AGENT)) return false;
    try {
      await this.#client.unary(CHECK_AGENT, encode(agentRequest, { id }), signal);
      return true;
    } catch (error) {
      if (errorKind(error) === 'unavailable') throw error;
      return false;
    }
  }

  openAgent(id: string, signal: AbortSignal): ByteConnection {
    const stream = this.#client.stream(FORWARD_AGENT, { 'buildkit.ssh.id': id }, signal);
    const { messages } = stream;
    const received = async function* (): AsyncGenerator<Buffer> {
      for await (const message of messages) yield Buffer.from(decode(bytesMessage, message).data);
    };
    return {
      received: received(),
      send: (data) => stream.send(encode(bytesMessage, { data })),
      end: () => stream.end(),
      cancel: () => stream.cancel(),
    };
  }

  sendFiles(exporter: number, signal: AbortSignal): FileTransfer {
    this.#canTake();
    return transferOn(this.#client.stream(SEND, exporterId(exporter), signal));
  }

  async sendArchive(exporter: number, content: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    this.#canTake();
    const stream = this.#client.stream(SEND, exporterId(exporter), signal);
    const ended = (async () => {
      for await (const _ of stream.messages);
    })();
    let isOver = false;
    const failed = ended.then(
      () => (isOver = true),
      () => (isOver = true),
    );
    for await (const piece of content) {
      for (let at = 0; at < piece.length && !isOver; at += MAX_PIECE_BYTES)
        await Promise.race([
          failed,
          stream.send(encode(bytesMessage, { data: piece.subarray(at, at + MAX_PIECE_BYTES) })),
        ]);
      if (isOver) break;
    }
    stream.end();
    await ended;
  }

  #canTake(): void {
    if (!this.#has(SEND)) throw unavailable('method /moby.filesync.v1.FileSend/DiffCopy not supported by the client');
  }
}

const exporterId = (number: number): GrpcMetadata => ({ 'buildkit-attachable-exporter-id': String(number) });

/** What is not ASCII goes as a query does, and that is said. */
function headerOf(key: string, values: readonly string[]): GrpcMetadata {
  if (values.length === 0) return {};
  // oxlint-disable-next-line no-control-regex
  if (values.every((value) => /^[\x20-\x7e]*$/.test(value) && value.trim() === value)) return { [key]: values };
  return { [key]: values.map(queryEscape), [`${key}-encoded`]: '1' };
}

const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');

function transferOn(stream: GrpcStream): FileTransfer {
  return {
    packets: packetsOf(stream),
    send: (one) => stream.send(encode(packet, packetMessage(one))),
    end: () => stream.end(),
    cancel: () => stream.cancel(),
  };
}

async function* packetsOf({ messages }: GrpcStream): AsyncGenerator<FilePacket> {
  for await (const bytes of messages) {
    const { kind, stat, id, data } = decode(packet, bytes);
    switch (kind) {
      case PACKET.stat:
        yield stat ? { packet: 'stat', stat } : { packet: 'statsEnd' };
        break;
      case PACKET.request:
        yield { packet: 'request', id };
        break;
      case PACKET.data:
        yield { packet: 'data', id, data };
        break;
      case PACKET.end:
        yield { packet: 'end' };
        break;
      case PACKET.error:
        yield { packet: 'error', text: data.toString().slice(0, 4000) };
        break;
    }
  }
}

function packetMessage(one: FilePacket): Partial<MessageValue<typeof packet>> {
  switch (one.packet) {
    case 'stat':
      return { kind: PACKET.stat, stat: one.stat };
    case 'statsEnd':
      return { kind: PACKET.stat };
    case 'request':
      return { kind: PACKET.request, id: one.id };
    case 'data':
      return { kind: PACKET.data, id: one.id, data: one.data };
    case 'end':
      return { kind: PACKET.end };
    case 'error':
      return { kind: PACKET.error, data: Buffer.from(one.text) };
  }
}
