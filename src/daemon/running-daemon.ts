/** What the running daemon reports of itself: the doctor may have other options, and does not know its containers. */
import { request, type IncomingMessage } from 'node:http';
import { readBounded } from '../base/bounded-read.ts';
import { parseJsonText } from '../base/json-text.ts';

export interface RunningDaemon {
  /** The bridge of its default network; '' where it has none. */
  readonly bridge: string;
  /** As `info` shows them. */
  readonly warnings: readonly string[];
}

const PATIENCE_MS = 5_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Undefined where none answers on the first of its unix sockets. */
export async function askDaemon(hosts: readonly string[]): Promise<RunningDaemon | undefined> {
  const socketPath = hosts.find((host) => host.startsWith('unix://'))?.slice('unix://'.length);
  if (socketPath === undefined) return undefined;
  try {
    const [info, network] = await Promise.all([get(socketPath, '/info'), get(socketPath, '/networks/bridge')]);
    const warnings = fieldOf(info, 'Warnings');
    const bridge = fieldOf(fieldOf(network, 'Options'), 'com.docker.network.bridge.name');
    return {
      bridge: typeof bridge === 'string' ? bridge : '',
      warnings: Array.isArray(warnings) ? warnings.filter((one) => typeof one === 'string') : [],
    };
  } catch {
    return undefined; // the doctor goes by what it sees itself
  }
}

async function get(socketPath: string, path: string): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, path, signal: AbortSignal.timeout(PATIENCE_MS) }, resolve)
      .once('error', reject)
      .end();
  });
  return parseJsonText((await readBounded(response, MAX_ANSWER_BYTES))?.toString() ?? '');
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
