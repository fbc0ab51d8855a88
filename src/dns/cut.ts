/** Makes a message fit: whole records only, and the TC bit so that the client asks again over TCP. */
import { Flag, HEADER_BYTES, RecordType } from './constants.ts';
import { skipName } from './name.ts';

/**
 * `message` itself if it fits into `limit` bytes. Otherwise its question and as many answers as fit, none of the other
 * sections but an OPT record. A message that cannot be parsed is cut to its header.
 */
export function cutMessage(message: Buffer, limit: number): Buffer {
  if (message.length <= limit) return message;
  const counts = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  const [questions, answers, authorities, additionals] = counts as [number, number, number, number];
  let at = HEADER_BYTES;
  for (let left = questions; left > 0 && at >= 0; left--) {
    at = skipName(message, at, message.length);
    at = at < 0 || at + 4 > message.length ? -1 : at + 4;
  }
  const questionEnd = at;
  const ends: number[] = [];
  let opt: Buffer | undefined;
  for (let index = 0; index < answers + authorities + additionals && at >= 0; index++) {
    const from = at;
    at = skipName(message, at, message.length);
    if (at < 0 || at + 10 > message.length) break;
    const type = message.readUInt16BE(at);
    at += 10 + message.readUInt16BE(at + 8);
    if (at > message.length) break;
    if (index < answers) ends.push(at);
    else if (type === RecordType.OPT && message[from] === 0) opt = message.subarray(from, at);
  }
  if (questionEnd < 0 || questionEnd > limit) return withCounts(message.subarray(0, HEADER_BYTES), 0, 0, 0);
  if (opt && questionEnd + opt.length > limit) opt = undefined;
  const room = limit - (opt?.length ?? 0);
  const kept = ends.filter((end) => end <= room).length;
  const body = message.subarray(0, kept === 0 ? questionEnd : ends[kept - 1]);
  return withCounts(opt ? Buffer.concat([body, opt]) : body, questions, kept, opt ? 1 : 0);
}

function withCounts(message: Buffer, questions: number, answers: number, additionals: number): Buffer {
  const cut = Buffer.from(message);
  cut[2] = cut[2]! | Flag.TC;
  cut.writeUInt16BE(questions, 4);
  cut.writeUInt16BE(answers, 6);
  cut.writeUInt16BE(0, 8);
  cut.writeUInt16BE(additionals, 10);
  return cut;
}
