/** What `docker import URL` fetches. */
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { invalid, systemError } from '../base/errors.ts';
import { networkFailure } from '../base/network-failure.ts';
import { redactedUrl, redactedUrlText } from '../base/redacted-url.ts';

const MAX_REDIRECTS = 5;

/** Resolves when the body of a good answer begins; throws in a sentence that shows no password. */
export async function download(address: string): Promise<IncomingMessage> {
  let url = checkedUrl(address);
  for (let redirects = 0; ; redirects++) {
    const answer = await get(url);
    const { statusCode = 0, statusMessage = '' } = answer;
    const location =
      statusCode >= 300 && statusCode < 400 && redirects < MAX_REDIRECTS ? answer.headers.location : undefined;
    if (statusCode < 400 && location === undefined) return answer;
    answer.resume();
    if (location === undefined)
      throw systemError(`failed to GET ${redactedUrl(url)} with status ${statusCode} ${statusMessage}`.trim());
    url = checkedUrl(location, url);
  }
}

function checkedUrl(address: string, base?: URL): URL {
  if (!URL.canParse(address, base?.href)) throw invalid(`invalid URL: ${redactedUrlText(address)}`);
  const url = new URL(address, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw invalid(`unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
  return url;
}

function get(url: URL): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsGet(url, resolve) : httpGet(url, resolve);
    request.on('error', (error) => reject(networkFailure('GET', url, error)));
  });
}
