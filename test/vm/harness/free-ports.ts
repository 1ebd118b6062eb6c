/** TCP ports of 127.0.0.1 that nobody listens on, for a guest's forwards. */
import { once } from 'node:events';
import net from 'node:net';

/** They are free now; whoever takes one before the guest does makes its start fail. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held until the last one is found, so that they differ.
  const servers = Array.from({ length: count }, () => net.createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
