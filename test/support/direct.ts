/** Single requests to the volume of a scene, past any kernel device. */
import { op } from '../../src/block/request.ts';
import { DirectPort } from '../../src/library/direct-port.ts';
import type { Scene } from './scene.ts';

export class Direct {
  readonly #port: DirectPort;
  readonly #name: string;

  private constructor(port: DirectPort, name: string) {
    this.#port = port;
    this.#name = name;
  }

  static async open(scene: Scene): Promise<Direct> {
    return new Direct(await DirectPort.open(scene.host.lead, scene.volume.source.device), scene.name);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const payload = Buffer.alloc(length);
    await this.#port.transfer(op.read, payload, offset, this.#name);
    return payload;
  }

  write(offset: number, payload: Uint8Array): Promise<void> {
    return this.#port.transfer(op.write, payload, offset, this.#name);
  }

  flush(): Promise<void> {
    return this.#port.order(op.flush, 0, 0, this.#name);
  }

  discard(offset: number, length: number): Promise<void> {
    return this.#port.order(op.discard, offset, length, this.#name);
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.#port.order(op.writeZeroes, offset, length, this.#name);
  }
}
