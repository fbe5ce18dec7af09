// Installs what package-lock.json asks for, unless it is there already.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

/** Runs a command in the project's root, showing its output; ends this process where it fails. */
export function runOrExit(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (done.error) {
    console.error(`vram-lens: cannot run ${command}: ${done.error.message}`);
    process.exit(1);
  }
  if (done.status !== 0) process.exit(done.status ?? 1);
}

export function ensureNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`vram-lens needs Node 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}

/**
 * `npm ci` when the lock file changed since the last one (a marker in node_modules tells). Not where node_modules is a
 * link: `npm ci` would first delete everything in the folder it leads to, which other checkouts share.
 */
export function ensureDependencies() {
  const folder = path.join(root, 'node_modules');
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    console.log('node_modules is a link: its packages are used as they are.');
    return;
  }
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const marker = path.join(root, 'node_modules', '.vram-lens-lock');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock) return;
  console.log('Installing dependencies …');
  runOrExit('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(marker, lock);
}

/** Builds dist/ when a source is newer than the last build. */
export function build(...flags) {
  runOrExit(process.execPath, ['scripts/build.mjs', ...flags]);
}
