/** Which kernel devices this host can offer, why not the others, and what would mend it. Looks; changes nothing. */
import { type KernelDeviceKind, kernelDeviceKinds } from './contract.ts';
import { probeFuse } from './fuse/probe.ts';
import type { KernelDeviceProbe } from './host-facts.ts';
import { probeNbd } from './nbd/probe.ts';
import { probeUblk } from './ublk/probe.ts';

const probes: Readonly<Record<KernelDeviceKind, () => KernelDeviceProbe>> = {
  ublk: probeUblk,
  nbd: probeNbd,
  fuse: probeFuse,
};

export function probeKernelDevice(kind: KernelDeviceKind): KernelDeviceProbe {
  return probes[kind]();
}

/** One row for each kind, in the order in which `auto` would take them. */
export function probeKernelDevices(): KernelDeviceProbe[] {
  return kernelDeviceKinds.map(probeKernelDevice);
}
