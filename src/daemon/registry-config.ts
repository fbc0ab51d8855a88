/** Options of pulls and pushes: mirrors, registries without checked TLS, proxies, and how much at once. */
import { invalid } from '../base/errors.ts';
import { redactedUrlText } from '../base/redacted-url.ts';
import type { ProxyConfig, RegistryConfig } from './config-shape.ts';
import type { RawOptions } from './options/read.ts';

export function registryConfig(raw: RawOptions): RegistryConfig {
  const { lists, texts } = raw;
  return {
    mirrors: [...new Set((lists['registry-mirror'] ?? []).map(parseMirror))],
    insecureRegistries: (lists['insecure-registry'] ?? []).map(withoutScheme),
    maxConcurrentDownloads: count(texts, 'max-concurrent-downloads', 3),
    maxConcurrentUploads: count(texts, 'max-concurrent-uploads', 5),
    maxDownloadAttempts: count(texts, 'max-download-attempts', 5),
    proxies: proxiesOf(raw),
  };
}

/** As dockerd, 0 means the default. */
function count(texts: RawOptions['texts'], name: string, fallback: number): number {
  const number = Number(texts[name] ?? 0);
  if (number < 0) throw invalid(`invalid ${name.replaceAll('-', ' ')}: ${number}`);
  return number || fallback;
}

/** The mirror with a slash at the end. @throws invalid in dockerd's words */
function parseMirror(text: string): string {
  const refuse = (reason: string): never => {
    throw invalid(`invalid mirror: ${reason}`);
  };
  const shown = JSON.stringify(redactedUrlText(text));
  const way = "must use either 'https://' or 'http://'";
  const scheme = /^([^:]+):\/\//.exec(text)?.[1];
  if (scheme === undefined) return refuse(`no scheme specified for ${shown}: ${way}`);
  if (!URL.canParse(text)) return refuse(`${shown} is not a valid URI`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return refuse(`unsupported scheme ${JSON.stringify(scheme)} in ${shown}: ${way}`);
  if (url.search !== '' || url.hash !== '') return refuse(`query or fragment at end of the URI ${shown}`);
  if (url.username !== '' || url.password !== '') return refuse(`username/password not allowed in URI ${shown}`);
  return text.endsWith('/') ? text : `${text}/`;
}

/** As dockerd, which takes 'http://' away in front of a registry and warns. */
function withoutScheme(registry: string): string {
  return registry.replace(/^https?:\/\//i, '');
}

/** In dockerd's words. */
export function schemeNotes(registries: readonly string[]): string[] {
  return registries.flatMap((registry) => {
    const scheme = /^https?:\/\//i.exec(registry)?.[0];
    return scheme === undefined
      ? []
      : [`insecure registry ${registry} should not contain '${scheme}', which is left out`];
  });
}

function proxiesOf({ texts }: RawOptions): ProxyConfig {
  for (const name of ['http-proxy', 'https-proxy'] as const) {
    const text = texts[name] ?? '';
    const url = text.includes('://') ? text : `http://${text}`;
    if (text !== '' && (!URL.canParse(url) || !/^https?:\/\//i.test(url)))
      throw invalid(`invalid ${name} ${JSON.stringify(redactedUrlText(text))}: expected http://HOST:PORT`);
  }
  return {
    httpProxy: texts['http-proxy'] ?? '',
    httpsProxy: texts['https-proxy'] ?? '',
    noProxy: texts['no-proxy'] ?? '',
  };
}
