/** Linux's target for a host outside of the guest: `nvmet-target.js CONTROL-PORT PORT …`, until that host has ended. */
import { KernelTarget } from '../harness/nvmet.ts';
import { serveTarget } from '../harness/nvmet-remote.ts';

const [control = 0, ...ports] = process.argv.slice(2).map(Number);
const target = await KernelTarget.start(ports);
await serveTarget(target, control, () => console.log('the target is up'));
