/**
 * Parts are given back as soon as their connection is lost, while its operations still refer to their buffers: whoever
 * gets the buffer next shares it with the old connection. Each part goes down as a copy, so that the true one can come
 * back before the connection lets go.
 */
import { op } from '../../src/block/request.ts';
import { status } from '../../src/block/status.ts';
import { Part, type PartOwner, verdict } from '../../src/fabric/contract.ts';
import type { NvmePath } from '../../src/fabric/nvme-tcp/nvme-path.ts';
import { outcome } from '../../src/fabric/nvme-tcp/status.ts';
import { QueuePair } from '../../src/fabric/nvme-tcp/queue-pair.ts';
import { replace } from '../replace.ts';

const lostRead = verdict.failed | verdict.pathFault | verdict.retryElsewhere;
/** Nothing is wrong with this: it waits for the fence as it would have. */
const lostWrite = lostRead | verdict.mayHaveExecuted | verdict.mayStillExecute;

class Copy implements PartOwner {
  readonly down = new Part(0);
  readonly part: Part;
  readonly #copies: Set<Copy>;

  constructor(part: Part, copies: Set<Copy>) {
    this.part = part;
    this.#copies = copies;
    const { op: operation, flags, offset, length, buffer, path, epoch } = part;
    Object.assign(this.down, { op: operation, flags, offset, length, buffer, path, epoch, owner: this });
  }

  onPart(copy: Part): void {
    if (!this.#copies.delete(this)) return;
    const { outcome, verdict: known, status, retryDelay } = copy;
    this.#back({ outcome, verdict: known, status, retryDelay });
  }

  giveBack(): void {
    const { op: operation } = this.part;
    const harmless = operation === op.read || operation === op.flush;
    this.#back({ outcome: outcome.connectionLost, status: status.transport, verdict: harmless ? lostRead : lostWrite });
  }

  #back(known: Partial<Part>): void {
    Object.assign(this.part, known);
    this.part.owner?.onPart(this.part);
  }
}

export function reuseBuffers(): () => void {
  const under = new WeakMap<QueuePair, Set<Copy>>();
  const giveBack = (queue: QueuePair): void => {
    const copies = under.get(queue) ?? new Set();
    under.delete(queue);
    for (const copy of copies) {
      copies.delete(copy);
      copy.giveBack();
    }
  };
  const submit = replace(
    QueuePair.prototype,
    'submit',
    (original) =>
      function careless(this: QueuePair, path: NvmePath, part: Part) {
        const copies = under.get(this) ?? new Set<Copy>();
        under.set(this, copies);
        const copy = new Copy(part, copies);
        copies.add(copy);
        original.call(this, path, copy.down);
        part.startedAt = copy.down.startedAt;
      },
  );
  const abort = replace(
    QueuePair.prototype,
    'abort',
    (original) =>
      function hasty(this: QueuePair, lossOutcome: number) {
        original.call(this, lossOutcome);
        giveBack(this);
      },
  );
  const broken = replace(
    QueuePair.prototype,
    'onQueueBroken',
    (original) =>
      function hasty(this: QueuePair, how) {
        original.call(this, how);
        giveBack(this);
      },
  );
  const detach = replace(
    QueuePair.prototype,
    'detach',
    (original) =>
      function ofCopy(this: QueuePair, part: Part) {
        const copy = [...(under.get(this) ?? [])].find((each) => each.part === part);
        return copy === undefined || original.call(this, copy.down);
      },
  );
  return () => {
    for (const undo of [submit, abort, broken, detach]) undo();
  };
}
