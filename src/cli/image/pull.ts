/** Pulling an image, with the credentials for its registry and progress shown. */
import { familiarName, parseReference, withDefaultTag } from '../../model/image-reference.ts';
import type { ApiClient } from '../api/client.ts';
import { authHeader } from '../api/registry-auth.ts';
import { showProgress } from '../terminal/json-progress.ts';

export interface PullOptions {
  readonly platform?: string;
  readonly quiet?: boolean;
  readonly allTags?: boolean;
  /** Where progress is shown: 2 for `run`, whose output belongs to the container. */
  readonly fd?: 1 | 2;
}

export async function pullImage(client: ApiClient, image: string, options: PullOptions = {}): Promise<void> {
  const reference = withDefaultTag(parseReference(image));
  const query = {
    fromImage: familiarName(reference),
    tag: options.allTags ? undefined : reference.digest || reference.tag,
    platform: options.platform || undefined,
  };
  const response = await client.send('POST', '/images/create', { query, headers: await authHeader(reference.domain) });
  await showProgress(response, { fd: options.fd ?? 1, quiet: options.quiet ?? false });
}
