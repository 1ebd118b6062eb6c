/** What ICReq and ICResp settle between the two ends of a connection (NVMe/TCP Transport, "Initialization"). Control. */
import { alignmentOf, icReq, icResp } from './pdu.ts';
import { checkIcReq, checkIcResp } from './pdu-check.ts';

export interface Agreement {
  /** 0, or the packed fatal error of pdu-check.ts: then nothing was agreed. */
  readonly fault: number;
  /** Digests on the connection, bits of `digestBit`. */
  readonly digests: number;
  /** What the peer wants payload to be aligned to, bytes. */
  readonly alignment: number;
  /** By ICResp: the most data in one H2CData. */
  readonly maxH2cData: number;
  /** By ICReq: R2Ts of one command at once. */
  readonly maxR2t: number;
}

function refused(fault: number): Agreement {
  return { fault, digests: 0, alignment: 4, maxH2cData: 0, maxR2t: 1 };
}

/** The controller's reading of an ICReq; `allowed` are the digests that it agrees to. */
export function agreeAsController(view: DataView, at: number, allowed: number): Agreement {
  const fault = checkIcReq(view, at);
  if (fault !== 0) return refused(fault);
  return {
    fault,
    digests: view.getUint8(at + icReq.dgst) & allowed,
    alignment: alignmentOf(view.getUint8(at + icReq.hpda)),
    maxH2cData: 0,
    // 0's based; all ones would not fit a count.
    maxR2t: Math.min(view.getUint32(at + icReq.maxr2t, true), 0xffff_fffe) + 1,
  };
}

/** The host's reading of an ICResp; `asked` are the digests of its ICReq. */
export function agreeAsHost(view: DataView, at: number, asked: number): Agreement {
  const fault = checkIcResp(view, at, asked);
  if (fault !== 0) return refused(fault);
  return {
    fault,
    digests: view.getUint8(at + icResp.dgst),
    alignment: alignmentOf(view.getUint8(at + icResp.cpda)),
    maxH2cData: view.getUint32(at + icResp.maxh2cdata, true),
    maxR2t: 1,
  };
}
