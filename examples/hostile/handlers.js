// One handler per limit and per guard, each doing what that is there for.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';

/** Ignores SIGTERM and never returns. */
export async function neverReturn() {
  process.on('SIGTERM', () => {});
  await new Promise(() => setInterval(() => {}, 1_000));
}

/** Outside of V8's heap. */
export function eatMemory() {
  const kept = [];
  for (;;) kept.push(Buffer.alloc(8 << 20, 1));
}

export function burnCpu() {
  for (;;) Math.sqrt(Math.random());
}

export async function floodLogs() {
  for (let i = 0; i < 100_000; i++) console.log(`line ${i} of a very chatty handler`);
  return 'the newest lines are kept';
}

export function returnTooMuch() {
  return 'x'.repeat(4 << 20);
}

export function leave() {
  process.exit(0);
}

/** Leaves a daemon behind and returns. Starting one takes the capability `process:spawn`. */
export async function leaveDaemon() {
  const forever = 'setInterval(() => {}, 60_000)';
  spawn(process.execPath, ['-e', forever], { detached: true, stdio: 'ignore' }).unref();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return 'and yet it is gone';
}

export function readEnvironment() {
  return process.env;
}

export function readUsers() {
  return fs.readFileSync('/etc/passwd', 'utf8');
}

/** Would be there for the next run. */
export function changeItself() {
  fs.appendFileSync(new URL(import.meta.url), '\n// changed\n');
}

export function phoneHome() {
  return new Promise((resolve, reject) => {
    net.connect(443, '192.0.2.1').once('connect', resolve).once('error', reject);
  });
}

export function openDoor() {
  return new Promise((resolve, reject) => {
    net.createServer().listen(0, resolve).once('error', reject);
  });
}

export function startProcess() {
  return execFileSync(process.execPath, ['-p', '"another process"'], { encoding: 'utf8' });
}
