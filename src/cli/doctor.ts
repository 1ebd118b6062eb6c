/** `causeway doctor`: what this host offers, what it lacks, and what mends it. */
import type { Command } from 'commander';
import { EXIT } from '../base/errors.ts';
import { doctorText, examine, isFit } from './doctor-checks.ts';
import { verb, type Verbs } from './verb.ts';

export function addDoctor(program: Command, { context, setExit }: Verbs): void {
  verb(program, 'doctor', 'what this host offers for devices, what it lacks, and what mends it', [
    'causeway doctor # exit code 0 if a device can be made here, 3 if not',
    'causeway doctor --json',
  ]).action(async (options: { json?: boolean }) => {
    // Loaded here only: it brings the FFI along.
    const { lookAround } = await import('./doctor-facts.ts');
    const findings = examine(lookAround(context.mayMakeDevices));
    const fit = isFit(findings);
    if (options.json === true) context.stdout.line(JSON.stringify({ fit, findings }));
    else for (const line of doctorText(findings)) context.stdout.line(line);
    if (!fit) setExit(EXIT.host);
  });
}
