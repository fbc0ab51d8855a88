/** Waiting for a container to exit, or to be removed as well. */
import type { WaitResponseJson } from '../../wire/container-summary.ts';
import type { ApiClient } from '../api/client.ts';
import { readText } from '../api/client.ts';
import { complain } from '../terminal/output.ts';

export interface ExitWatch {
  /** The exit code; 125 when it cannot be known, after saying why. */
  readonly status: Promise<number>;
}

/** Resolves once the daemon watches: a container started after that cannot exit unseen. */
export async function watchExit(
  client: ApiClient,
  containerId: string,
  condition: 'next-exit' | 'removed' | 'not-running',
): Promise<ExitWatch> {
  const response = await client.send('POST', `/containers/${containerId}/wait`, { query: { condition } });
  const status = readText(response)
    .then((text) => {
      const { StatusCode, Error: failure } = JSON.parse(text) as WaitResponseJson;
      if (!failure) return StatusCode;
      complain(`Error waiting for container: ${failure.Message}`);
      return 125;
    })
    .catch((error: Error) => {
      complain(`error waiting for container: ${error.message}`);
      return 125;
    });
  return { status };
}
