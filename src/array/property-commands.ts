/**
 * Property Get and Set (NVMe Base, "Property Get Command", "Controller Properties"): capabilities, configuration, status.
 */
import type { PropertyCommand } from '../fabric/nvme-tcp/fabrics-sqe.ts';
import { capCss, property, propertyBytes, readCc, shn, versionWord, writeCap } from '../fabric/nvme-tcp/properties.ts';
import type { Command } from './command.ts';
import type { Controller } from './controller.ts';
import { sc } from './status-codes.ts';

/** VS. */
export const version = versionWord(2, 1, 0);

/** CAP.TO and CRTO, milliseconds: how long CSTS.RDY may take. A reset waits for devices, which are local. */
const readyTimeout = 15_000;
const crto = Math.ceil(readyTimeout / 500);

/** I/O command set selected: NVM, or all that are supported (which is NVM). */
const supportedCss: ReadonlySet<number> = new Set([0, 6]);

export function getProperty(controller: Controller, wanted: PropertyCommand, command: Command): number {
  if (wanted.bytes !== propertyBytes(wanted.ofst)) return sc.invalidField;
  switch (wanted.ofst) {
    case property.cap: {
      const cap = writeCap({
        mqes: controller.subsystem.config.limits.maxQueueEntries,
        cqr: true,
        toMs: readyTimeout,
        nssrs: false,
        css: capCss.nvm | capCss.byCsi,
        mpsminBytes: 4096,
        mpsmaxBytes: 4096,
        crms: 1,
      });
      command.dword0 = cap.low;
      command.dword1 = cap.high;
      return sc.success;
    }
    case property.vs:
      command.dword0 = version;
      return sc.success;
    case property.cc:
      command.dword0 = controller.cc;
      return sc.success;
    case property.csts:
      command.dword0 = controller.csts;
      return sc.success;
    case property.crto:
      command.dword0 = crto;
      return sc.success;
    default:
      return sc.invalidField;
  }
}

/** Only CC can be set. */
export function setProperty(controller: Controller, wanted: PropertyCommand): number {
  if (wanted.ofst !== property.cc || wanted.bytes !== 4) return sc.invalidField;
  const before = readCc(controller.cc);
  const now = readCc(wanted.low);
  // CSTS.RDY has not followed CC.EN yet; the host has to wait for it (NVMe Base, "CSTS.RDY").
  if (controller.resetting && now.en) return sc.commandSequenceError;
  controller.cc = wanted.low;
  if (now.en && !before.en) {
    // Entry sizes may be left at 0 by hosts that know no other than 64 and 16.
    const sizes = (now.iosqes === 6 || now.iosqes === 0) && (now.iocqes === 4 || now.iocqes === 0);
    if (!sizes || now.mps !== 0 || now.ams !== 0 || !supportedCss.has(now.css)) controller.fail();
    else controller.enable();
  }
  if (!now.en && before.en) controller.reset();
  else if (now.shn !== shn.none && before.shn === shn.none) controller.shutDown();
  else if (now.shn === shn.none && before.shn !== shn.none) controller.shutDownWithdrawn();
  return sc.success;
}
