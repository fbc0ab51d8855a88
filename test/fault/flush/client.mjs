// client.mjs HOST HTTP-PORT ECHO-PORT: 200 requests a second, and some connections through which data goes without end.
// Until its input ends; then it waits for what is open and prints what it saw as JSON. Before that it prints a point
// for each request that has ended.
import { connect } from 'node:net';

const [host, httpPort, echoPort] = process.argv.slice(2);
const PATIENCE_MS = 20_000;
const seen = { requests: 0, failed: [], slow: 0, slowestMs: 0, sent: 0, echoed: 0, echoError: '' };
let open = 0;

const echoes = Array.from({ length: 5 }, () => {
  const connection = connect({ host, port: Number(echoPort) });
  let ahead = 0;
  connection.on('error', (error) => (seen.echoError = error.code));
  connection.on('data', (data) => {
    seen.echoed += data.length;
    ahead -= data.length;
  });
  return () => {
    if (ahead > 5e5) return;
    connection.write(chunk);
    seen.sent += chunk.length;
    ahead += chunk.length;
  };
});
const chunk = Buffer.alloc(4096, 'x');
const pump = setInterval(() => echoes.forEach((write) => write()), 4);

function request() {
  const began = Date.now();
  seen.requests++;
  open++;
  const socket = connect({ host, port: Number(httpPort) });
  let bytes = 0;
  const end = (failure) => {
    if (socket.destroyed) return;
    socket.destroy();
    open--;
    clearTimeout(timer);
    process.stdout.write('.');
    const tookMs = Date.now() - began;
    if (failure !== '') seen.failed.push(failure);
    else if (tookMs > 900) seen.slow++; // the first packet was lost and sent again
    seen.slowestMs = Math.max(seen.slowestMs, tookMs);
  };
  const timer = setTimeout(() => end('timeout'), PATIENCE_MS);
  socket.on('error', (error) => end(error.code));
  socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
  socket.on('data', (data) => (bytes += data.length));
  socket.on('end', () => end(bytes > 0 ? '' : 'empty'));
}
const clock = setInterval(request, 5);

process.stdin.resume().on('end', () => {
  clearInterval(clock);
  clearInterval(pump);
  const until = Date.now() + PATIENCE_MS;
  const finish = setInterval(() => {
    const done = open === 0 && (seen.echoed >= seen.sent || seen.echoError !== '');
    if (!done && Date.now() < until) return;
    clearInterval(finish);
    process.stdout.write(`\n${JSON.stringify(seen)}\n`, () => process.exit(0));
  }, 10);
});
