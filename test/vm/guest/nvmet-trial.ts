/** Our initiator and Linux's target in one guest. */
import { check } from '../harness/check.ts';
import { KernelTarget } from '../harness/nvmet.ts';
import { tryTarget } from '../harness/target-trial.ts';

const ports = [4420, 4421] as const;
const target = await KernelTarget.start(ports);
const [first, second] = ports;
await tryTarget(
  target,
  [
    { port: first, reached: `127.0.0.1:${first}` },
    { port: second, reached: `127.0.0.2:${second}` },
  ],
  check,
);
