// The two ends of the connection benchmark; run by node inside the namespaces concerned.
//
//   tcp-peer.mjs serve PORT                              sends one byte to whoever connects
//   tcp-peer.mjs connect HOST PORT SECONDS PARALLEL      connects, waits for that byte, resets; prints connections per second
import { connect, createServer } from 'node:net';

const [role, ...args] = process.argv.slice(2);

if (role === 'serve') {
  createServer((socket) => {
    socket.on('error', () => {});
    socket.write('.');
  }).listen({ port: Number(args[0]), host: '0.0.0.0', backlog: 1024 }, () => console.log('listening'));
} else {
  const [host, port, seconds, parallel] = [args[0], Number(args[1]), Number(args[2]), Number(args[3])];
  const started = performance.now();
  const end = started + seconds * 1000;
  let made = 0;
  let failed = 0;
  const one = () =>
    new Promise((resolve) => {
      const socket = connect({ host, port });
      socket.once('data', () => {
        made += 1;
        // A reset leaves no port in TIME_WAIT: otherwise they run out within seconds.
        socket.resetAndDestroy();
        resolve();
      });
      socket.once('error', () => {
        failed += 1;
        resolve();
      });
    });
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (performance.now() < end) await one();
    }),
  );
  console.log(JSON.stringify({ perSecond: made / ((performance.now() - started) / 1000), failed }));
}
