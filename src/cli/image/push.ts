/** An image goes to its registry. */
import { familiarName, type ImageReference } from '../../model/image-reference.ts';
import type { ApiClient } from '../api/client.ts';
import { imagePath } from '../api/image-path.ts';
import { platformQuery } from '../api/platform.ts';
import { authHeader } from '../api/registry-auth.ts';
import { showProgress } from '../terminal/json-progress.ts';

/** Without a tag: all that it has. */
export async function pushImage(
  client: ApiClient,
  reference: ImageReference,
  { platform, quiet, fd = 1 }: { readonly platform: string; readonly quiet: boolean; readonly fd?: 1 | 2 },
): Promise<void> {
  const response = await client.send('POST', `${imagePath(familiarName(reference))}/push`, {
    query: { tag: reference.tag || undefined, platform: platformQuery(platform) },
    headers: await authHeader(reference.domain),
  });
  await showProgress(response, { quiet, fd });
}
