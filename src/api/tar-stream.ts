import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorMessage } from '../base/errors.ts';
import type { Call } from './call.ts';

/**
 * Streams a tar. A failure half way is written behind what was sent, in Docker's form, and then the connection is cut,
 * so that no client takes the rest for whole and a look into it shows the reason.
 */
export async function sendTar(
  call: Call,
  tar: Readable,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { response } = call;
  response.writeHead(200, { 'Content-Type': 'application/x-tar', ...headers });
  response.flushHeaders();
  let failure: string | undefined;
  // One that has nothing to give now would not notice that its client has left.
  response.once('close', () => tar.destroy());
  const withReason = async function* () {
    try {
      yield* tar;
    } catch (error) {
      failure = errorMessage(error);
      yield `${JSON.stringify({ errorDetail: { message: failure }, error: failure })}\r\n`;
    }
  };
  try {
    await pipeline(withReason(), response, { end: false });
  } catch (error) {
    failure = errorMessage(error); // the client has left
  }
  if (failure === undefined) return void response.end();
  call.log.warn({ path: call.loggedPath, error: failure }, 'a tar stream broke off');
  // When what was written is on its way.
  if (response.destroyed) return;
  response.write('\r\n', () => response.destroy());
}
