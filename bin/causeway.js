#!/usr/bin/env node
/**
 * Starts the command line in this very process, so that signals and the exit code are its own. In a clone, what is
 * missing or older than the sources is installed and built first.
 */
import { existsSync } from 'node:fs';

const setup = new URL('../scripts/setup.mjs', import.meta.url);
const sources = new URL('../src', import.meta.url);

let ready = true;
if (existsSync(setup) && existsSync(sources)) ready = (await import(setup.href)).setUp('demo');
if (ready) await import('../dist/src/cli/main.js');
else process.exitCode = 1;
