/** What a registry has under a name, without bringing it here: the digest, and for which platforms it is. */
import { errorMessage, systemError } from '../base/errors.ts';
import { parseReference, withDefaultTag, type ImageReference } from '../model/image-reference.ts';
import type { Platform } from '../model/platform.ts';
import { MAX_DOCUMENT_BYTES } from './blob-store.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { parseImageConfig } from './image-config.ts';
import { isIndex, parseManifest, type Descriptor } from './media-types.ts';
import { RegistryClient } from './registry/registry-client.ts';
import { mirrorsOf, type RegistryOptions } from './registry/registry-options.ts';
import type { Distribution, RegistryAuth } from '../model/registry.ts';

interface Request {
  readonly ref: string;
  readonly auth: RegistryAuth | null;
  readonly signal?: AbortSignal;
}

/** A mirror that fails, or does not have it, is passed over. Errors are the registry's. */
export async function inspectDistribution(
  { log }: Pick<ImageCatalog, 'log'>,
  { ref, auth, signal }: Request,
  options: RegistryOptions,
): Promise<Distribution> {
  const name = withDefaultTag(parseReference(ref));
  const access = { auth, actions: 'pull' as const, ...(signal ? { signal } : {}) };
  for (const mirror of mirrorsOf(name.domain, options)) {
    try {
      return await ask(await RegistryClient.connect(name, access, options, mirror), name, signal);
    } catch (error) {
      if (signal?.aborted) throw systemError('context canceled', error);
      log.warn({ mirror: mirror.host, image: ref, error: errorMessage(error) }, 'a mirror is passed over');
    }
  }
  return await ask(await RegistryClient.connect(name, access, options), name, signal);
}

async function ask(client: RegistryClient, name: ImageReference, signal?: AbortSignal): Promise<Distribution> {
  try {
    const { content, mediaType, digest } = await client.manifest(name.digest || name.tag, signal);
    const manifest = parseManifest(content, mediaType);
    return {
      descriptor: { mediaType: manifest.mediaType, digest, size: content.length },
      platforms: isIndex(manifest)
        ? manifest.manifests.flatMap(({ platform }) => (platform ? [{ variant: '', ...platform }] : []))
        : await platformOfConfig(client, manifest.config, signal),
    };
  } finally {
    client.close();
  }
}

/** None where it has no configuration of an image: other things lie in registries too. */
async function platformOfConfig(
  client: RegistryClient,
  { digest, size }: Descriptor,
  signal?: AbortSignal,
): Promise<Platform[]> {
  if (size > MAX_DOCUMENT_BYTES) return [];
  try {
    const { os, architecture, variant } = parseImageConfig(await client.smallBlob(digest, size, signal));
    return architecture === '' ? [] : [{ os, architecture, variant }];
  } catch (error) {
    if (signal?.aborted) throw error;
    return [];
  }
}
