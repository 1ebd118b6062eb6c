/** The machine that a guest sees, as arguments of QEMU. */
import path from 'node:path';
import type { KernelFiles } from './kernel-store.ts';
import { DEFAULTS, type GuestOptions } from './options.ts';

/** Files of one run, all in one temporary folder. */
export class RunFolder {
  readonly path: string;

  constructor(folder: string) {
    this.path = folder;
  }

  /** What the guest finds below /run/guest. */
  readonly guest = (): string => path.join(this.path, 'guest');
  readonly initramfs = (): string => path.join(this.path, 'initramfs');
  readonly console = (): string => path.join(this.path, 'console');
  /** Sockets on which the harness listens and QEMU hands on what comes out of the guest. */
  readonly output = (): string => path.join(this.path, 'output');
  readonly control = (): string => path.join(this.path, 'control');
}

/**
 * maxcpus=1: the guest's init brings the others up later, and says why. The mitigations would only cost time, and
 * watchdogs would cry over an emulation that stood still for a while.
 */
const KERNEL_COMMAND_LINE = [
  'console=ttyS0 loglevel=6 panic=-1 maxcpus=1',
  'mitigations=off nokaslr random.trust_cpu=on tsc=nowatchdog nowatchdog nmi_watchdog=0 rcupdate.rcu_cpu_stall_suppress=1',
  'net.ifnames=0 audit=0 apparmor=0',
].join(' ');

export function qemuArguments(options: GuestOptions, kernel: KernelFiles, run: RunFolder): string[] {
  const forwards = (options.forward ?? []).map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`);
  const share = (tag: string, folder: string): string[] => [
    '-fsdev',
    `local,id=${tag},path=${escaped(folder)},security_model=none,readonly=on,multidevs=remap`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
  const port = (name: string, socket: string): string[] => [
    '-chardev',
    `socket,id=${name},path=${escaped(socket)}`,
    '-device',
    `virtserialport,chardev=${name},name=${name}`,
  ];
  return [
    ['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ['-machine', 'q35,usb=off,vmport=off', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ['-smp', String(options.cpus ?? DEFAULTS.cpus), '-m', String(options.memoryMiB ?? DEFAULTS.memoryMiB)],
    ['-kernel', kernel.image, '-initrd', run.initramfs(), '-append', KERNEL_COMMAND_LINE],
    ['-serial', `file:${escaped(run.console())}`, '-device', 'virtio-rng-pci'],
    ['-device', 'virtio-serial-pci'],
    port('output', run.output()),
    port('control', run.control()),
    share('root', '/'),
    share('guest', run.guest()),
    share('modules', kernel.modules),
    ['-netdev', `user,id=net${forwards.join('')}`, '-device', 'virtio-net-pci,netdev=net,romfile='],
  ].flat();
}

/** A comma ends a value; two stand for one. */
function escaped(text: string): string {
  return text.replaceAll(',', ',,');
}
