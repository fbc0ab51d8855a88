/** A named context behind FROM: an image as it is, or one without anything but the files of a directory. */
import { formatTimeNs, systemClock } from '../base/clock.ts';
import { copyInto } from '../image/trees/copy-into.ts';
import { EMPTY_IMAGE_CONFIG } from '../image/image-config.ts';
import { digestSource } from '../image/trees/tree-digest.ts';
import { oneSource } from '../image/trees/tree-sources.ts';
import type { ReportStepNews } from '../model/build-news.ts';
import type { ImageRecord } from '../model/image.ts';
import type { Platform } from '../model/platform.ts';
import type { BuildParts } from './build-parts.ts';
import type { NamedContext } from './build-request.ts';
import { stepKey } from './step-cache.ts';

export async function contextImage(
  parts: BuildParts,
  context: NamedContext,
  platform: Platform | undefined,
  report: ReportStepNews,
): Promise<ImageRecord> {
  if (context.kind === 'image') return await parts.image(context.reference, platform, report);
  const { steps, cache, signal } = parts;
  const directory = (await parts.contexts.directory(context, signal))!;
  const source = oneSource(directory, '');
  const digest = await digestSource(directory, source, { owners: false, signal });
  const scratch = await steps.scratch(platform ?? parts.platform);
  const key = stepKey('context', scratch.id, digest);
  const known = parts.request.noCache ? undefined : cache.find(key);
  const found = known === undefined ? undefined : steps.find(known);
  if (found) return found;
  const image = await steps.change(scratch, async (root) => {
    await copyInto({
      from: directory,
      sources: [source],
      into: root,
      destination: '/',
      owner: { uid: 0, gid: 0 },
      signal,
    });
    return {
      config: EMPTY_IMAGE_CONFIG,
      createdAt: formatTimeNs(systemClock.nowNs()),
      createdBy: `FROM dir:${digest}`,
      comment: '',
      author: '',
    };
  });
  cache.add(key, { imageId: image.id, parent: scratch.id, description: 'named context' });
  return image;
}
