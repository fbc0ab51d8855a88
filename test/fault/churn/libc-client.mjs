// Runs inside a container: asks as programs do, through the C library (getaddrinfo), and reads /etc/hosts; writes down
// when it asked, when it knew and what it was told. libc-client.mjs CONFIG; ends when the file `stop` of the
// configuration exists.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';

const { names, out, stop, pauseMs } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const now = () => Number(process.hrtime.bigint()) / 1e6;
const lookups = [];
const reads = [];
const texts = [];
writeFileSync(`${out}.ready`, '');
for (let turn = 0; !existsSync(stop); turn++) {
  const name = names[(turn * 7) % names.length];
  const from = now();
  let values = [];
  let code = '';
  try {
    values = (await lookup(name, { family: 4, all: true })).map(({ address }) => address);
  } catch (error) {
    code = error.code;
  }
  lookups.push([from, now(), name, code, values]);
  const since = now();
  const text = readFileSync('/etc/hosts', 'latin1');
  if (text !== texts.at(-1)) texts.push(text);
  reads.push([since, now(), texts.length - 1]);
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
writeFileSync(out, JSON.stringify({ lookups, reads, texts }));
