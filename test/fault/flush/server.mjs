// In a container's network: port 7 gives back what it gets, port 80 answers a request with a line.
import { createServer } from 'node:net';

createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(7);
createServer((socket) =>
  socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nhello\n')),
).listen(80, () => process.stdout.write('ready\n'));
