// Traffic that must not notice a daemon's death. In one process because each costs memory:
//   talk.mjs server                       port 7 gives back what it gets
//   talk.mjs client HOST PORT [NAME]      numbers through one TCP connection, and with a name a query for it every 50 ms, to 127.0.0.11
// For each line that it reads, a client prints what happened since the line before, as JSON.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const [role, host, port, name] = process.argv.slice(2);

if (role === 'server') {
  createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(7, () => process.stdout.write('ready\n'));
} else {
  const late = 5_000;
  const wrong = [];
  let echoed = 0;
  let answered = 0;

  const sent = [];
  let next = 0;
  let rest = Buffer.alloc(0);
  const stream = connect({ host, port: Number(port) });
  for (const event of ['error', 'close'])
    stream.on(event, (error) => wrong.push(`stream: ${event} ${error?.code ?? ''}`));
  stream.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    for (; rest.length >= 4; rest = rest.subarray(4)) {
      const number = rest.readUInt32BE();
      if (number !== next) wrong.push(`stream: ${number} in the place of ${next}`);
      next = number + 1;
      sent.shift();
      echoed++;
    }
  });
  let number = 0;
  setInterval(() => {
    sent.push(Date.now());
    stream.write(Buffer.from([number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number++ & 255]));
  }, 20);

  const asked = new Map();
  if (name) {
    const socket = createSocket('udp4');
    socket.on('error', (error) => wrong.push(`names: ${error.code}`));
    socket.on('message', (answer) => {
      const id = answer.readUInt16BE(0);
      if (!asked.delete(id)) return void wrong.push(`names: an answer to no question, ${id}`);
      const [code, count] = [answer[3] & 15, answer.readUInt16BE(6)];
      if (code !== 0 || count !== 1) wrong.push(`names: code ${code} and ${count} records`);
      answered++;
    });
    let id = 0;
    setInterval(() => {
      id = (id + 1) & 0xffff;
      asked.set(id, Date.now());
      const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
      socket.send(
        Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]),
        53,
        '127.0.0.11',
      );
    }, 50);
  }

  createInterface({ input: process.stdin })
    .on('line', () => {
      const now = Date.now();
      if (sent.length > 0 && now - sent[0] > late) wrong.push(`stream: a number is on its way for ${now - sent[0]} ms`);
      for (const [id, at] of asked) {
        if (now - at <= late) continue;
        wrong.push(`names: no answer for ${now - at} ms`);
        asked.delete(id);
      }
      process.stdout.write(`${JSON.stringify({ wrong: wrong.splice(0), echoed, answered })}\n`);
      echoed = answered = 0;
    })
    .on('close', () => process.exit(0));
}
