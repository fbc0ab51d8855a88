/** News of a build -> the lines that the classic builder writes, which clients print as they are. */
import type { BuildNews } from '../../model/build-news.ts';
import { shortId } from '../../model/ids.ts';
import { familiarReference, parseReference, withDefaultTag } from '../../model/image-reference.ts';
import type { BuildLineJson } from '../../wire/build.ts';

/** What the daemon itself says on stderr is red. */
const red = (text: string): string => `\u001b[91m${text}\u001b[0m`;

export function buildLines(
  news: BuildNews,
): (BuildLineJson | NonNullable<Extract<BuildNews, { news: 'pull' }>['message']>)[] {
  switch (news.news) {
    case 'warning':
      return [{ stream: `[Warning] ${news.text}\n` }];
    case 'step':
      return [{ stream: `Step ${news.step}/${news.steps} : ${news.text}` }, { stream: '\n' }];
    case 'triggers':
      return [{ stream: `# Executing ${news.count} build trigger${news.count > 1 ? 's' : ''}` }, { stream: '\n' }];
    case 'cached':
      return [{ stream: ' ---> Using cache\n' }];
    case 'running':
      return [{ stream: ` ---> Running in ${shortId(news.containerId)}\n` }];
    case 'removed':
      return [{ stream: ` ---> Removed intermediate container ${shortId(news.containerId)}\n` }];
    case 'output':
      return [{ stream: news.stream === 'stderr' ? red(news.text) : news.text }];
    case 'pull':
      return [news.message];
    case 'state':
      return [{ stream: ` ---> ${shortId(news.imageId)}\n` }];
    case 'ended':
      return [];
    case 'stage':
      return [{ aux: { ID: news.imageId } }];
  }
}

export function builtLines(imageId: string, tags: readonly string[]): BuildLineJson[] {
  return [
    { stream: `Successfully built ${shortId(imageId)}\n` },
    ...tags.map((tag) => ({
      stream: `Successfully tagged ${familiarReference(withDefaultTag(parseReference(tag)))}\n`,
    })),
  ];
}
